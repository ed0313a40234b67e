"""Whether a Docker engine answers, found out without hanging on one that does not."""

from dataclasses import dataclass

from qmk_local.commands import CommandFailed, find, run
from qmk_local.errors import LocalError

PROBE_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class Engine:
    """What was found out about the Docker engine."""

    works: bool
    finding: str


def probe(command_path: str, timeout_s: float = PROBE_TIMEOUT_SECONDS) -> Engine:
    """Ask the engine for its version; a client without an engine, or one that hangs, is none."""
    client = find("docker", command_path)
    if client is None:
        return Engine(False, "there is no docker command on this machine")
    try:
        version = run(
            [client, "version", "--format", "{{.Server.Version}}"], timeout_s=timeout_s
        ).strip()
    except CommandFailed as error:
        if "did not end within" in str(error):
            return Engine(False, f"the Docker engine did not answer within {timeout_s:.0f} s")
        return Engine(False, "there is a docker command, but no Docker engine answers it")
    return Engine(bool(version), f"Docker engine {version}")


def require(engine: Engine) -> None:
    """Raise `LocalError` unless the engine works."""
    if not engine.works:
        raise LocalError(
            f"A cluster of kind needs a working Docker engine, and {engine.finding}: start it, or "
            "use BACKEND=native."
        )
