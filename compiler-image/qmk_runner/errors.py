"""Ends of a container that are not the request's fault."""

from qmk_contract.exit_codes import ExitCode


class InfrastructureError(Exception):
    """The container cannot do its work; its exit code and a sentence for the log."""

    def __init__(self, exit_code: ExitCode, message: str) -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.message = message


class Terminated(BaseException):
    """SIGTERM came: the job was cancelled, or its pod is being moved away.

    Not an Exception, so that nothing on the way mistakes it for a failure it may handle.
    """
