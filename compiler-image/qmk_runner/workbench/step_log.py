"""Lines about the steps of a build, in the form of QMK's make, for who reads its logs."""

from collections.abc import Callable

_WIDTH = 99


class StepLog:
    """Writes each line at once to ``output``."""

    def __init__(self, output: Callable[[bytes], None]) -> None:
        self._output = output

    def done(self, title: str, output: bytes = b"") -> None:
        """A step that ended well; what its program wrote is a warning."""
        self._step(title, "WARNINGS" if output.strip() else "OK", output)

    def failed(self, title: str, output: bytes) -> None:
        self._step(title, "ERRORS", output)

    def line(self, text: str) -> None:
        self._output(f"{text}\n".encode())

    def _step(self, title: str, mark: str, output: bytes) -> None:
        text = output.decode("utf-8", "replace").rstrip("\n")
        told = "\n".join(f" | {line}" for line in ["", *text.split("\n"), ""]) if text else ""
        self._output(f"{title:<{_WIDTH}} [{mark}]\n{told and told + chr(10)}".encode())
