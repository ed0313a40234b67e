"""Other programs, run with a deadline and a readable failure."""

import os
import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from qmk_local.errors import LocalError
from qmk_local.settings import process_environment

ERROR_LINES = 6


class CommandFailed(LocalError):
    """A program ended with an error, could not be started, or took too long."""


def run(
    argv: Sequence[str | Path],
    *,
    timeout_s: float,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    input_text: str | None = None,
) -> str:
    """Return what the program wrote to standard output.

    `env` is the whole environment of the program where given. Raises `CommandFailed` with the
    end of its standard error.
    """
    line = shlex.join(str(word) for word in argv)
    try:
        done = subprocess.run(  # noqa: S603 - argv lists of our own, never a shell
            [str(word) for word in argv],
            env=process_environment({}) if env is None else env,
            cwd=cwd,
            input=input_text,
            stdin=subprocess.DEVNULL if input_text is None else None,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CommandFailed(f"`{line}` did not end within {timeout_s:.0f} s.") from error
    except OSError as error:
        raise CommandFailed(f"`{line}` could not be started: {error.strerror}.") from error
    if done.returncode != 0:
        tail = "\n".join((done.stderr or done.stdout).strip().splitlines()[-ERROR_LINES:])
        raise CommandFailed(f"`{line}` failed with exit code {done.returncode}:\n{tail}")
    return done.stdout


def find(name: str, search_path: str) -> Path | None:
    """The executable `name` on a PATH-like string, or None."""
    for folder in search_path.split(os.pathsep):
        candidate = Path(folder or ".") / name
        if os.access(candidate, os.X_OK) and candidate.is_file():
            return candidate
    return None
