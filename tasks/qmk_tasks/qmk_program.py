"""The ``qmk`` program, run for one of a firmware tree's own subcommands."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from qmk_tasks.errors import TaskError

#: The names of all of QMK's own keyboards take 90 KB.
_OUTPUT_BYTES_MAX = 4 << 20
_TAIL_BYTES = 16 << 10
_TAIL_LINES = 20


class QmkFailed(Exception):
    """The subcommand failed: its last words, and in ``reason`` the last line of them."""

    def __init__(self, said: str) -> None:
        lines = [line for line in said.splitlines() if line.strip()] or ["it said nothing"]
        super().__init__("\n".join(lines[-_TAIL_LINES:]))
        last = lines[-1].strip()
        # QMK's own messages go on in lines that are set in.
        indented = lines[-1][0].isspace() and len(lines) > 1
        self.reason = f"{lines[-2].strip()} {last}" if indented else last


@dataclass(frozen=True)
class QmkProgram:
    """Where it is looked for, and the folder that it has for its own files."""

    search_path: str
    home: Path

    def run(self, tree: Path, arguments: Sequence[str], seconds: float) -> str:
        """What a subcommand printed; it has ``seconds``, and is ended with all that it started.

        Raises:
            QmkFailed: it failed, or was not done in time.
            TaskError: there is no such program.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryFile(dir=self.home) as printed,
            tempfile.TemporaryFile(dir=self.home) as logged,
        ):
            try:
                process = subprocess.Popen(  # noqa: S603
                    ["qmk", "--no-color", *arguments],  # noqa: S607 - the image's own
                    cwd=tree,
                    env=environment(tree, self.home, self.search_path),
                    stdin=subprocess.DEVNULL,
                    stdout=printed,
                    stderr=logged,
                    start_new_session=True,
                )
            except OSError as error:
                raise TaskError(f"qmk could not be run: {error}") from error
            code = _code(process, seconds)
            if code != 0:
                raise QmkFailed(_last_words(printed, logged, tree, code, seconds))
            printed.seek(0)
            return printed.read(_OUTPUT_BYTES_MAX).decode("utf-8", "replace")


def environment(tree: Path, home: Path, search_path: str) -> dict[str, str]:
    """All that the tree's Python sees of an environment."""
    return {
        "PATH": search_path,
        "HOME": str(home),
        "TMPDIR": str(home),
        "QMK_HOME": str(tree),
        "ORIG_CWD": str(tree),
        "SKIP_GIT": "yes",
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _code(process: "subprocess.Popen[bytes]", seconds: float) -> int | None:
    """Exit code; None where the time was over."""
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _last_words(
    printed: IO[bytes], logged: IO[bytes], tree: Path, code: int | None, seconds: float
) -> str:
    said = _tail(printed) + "\n" + _tail(logged)
    if code is None:
        said += f"\nit was not done after {seconds:.0f} seconds"
    elif code < 0:
        said += f"\nit was ended by signal {-code}"
    return said.replace(f"{tree}/", "")


def _tail(file: IO[bytes]) -> str:
    end = file.seek(0, os.SEEK_END)
    file.seek(max(0, end - _TAIL_BYTES))
    return file.read().decode("utf-8", "replace")
