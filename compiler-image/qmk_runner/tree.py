"""Archives of a snapshot, unpacked by a process for each."""

import re
import signal
import subprocess
import time
from pathlib import Path

from qmk_contract.exit_codes import ExitCode
from qmk_runner.errors import InfrastructureError

_DISK_FULL = re.compile(r"(?:No space left on device|Disk quota exceeded)$", re.MULTILINE)
#: tar, or the zstd that it starts, was ended by the kernel or got no memory or process.
_STARVED = re.compile(
    r"(?:Child died with signal 9|Cannot allocate memory|not enough memory.*|memory exhausted"
    r"|Resource temporarily unavailable)$",
    re.MULTILINE,
)


class SlowUnpackingError(InfrastructureError):
    """An archive took longer to unpack than it may: nothing is known of it."""

    def __init__(self, name: str) -> None:
        super().__init__(ExitCode.FETCH_FAILED, f"Unpacking {name} took too long.")


class Unpacking:
    """One .tar.zst on its way into a folder, begun at once.

    GNU tar rather than tarfile: four times as fast for a tree's thousands of small files. It
    refuses absolute names and "..". --touch: the archives' constant time would look like a file
    from long ago to make.
    """

    def __init__(
        self, archive: Path, folder: Path, *, search_path: str, timeout_seconds: float
    ) -> None:
        self._name = archive.name
        self._deadline = time.monotonic() + timeout_seconds
        self._process = subprocess.Popen(  # noqa: S603
            [
                *("tar", "--extract", "--file", str(archive), "--directory", str(folder)),
                *("--use-compress-program", "zstd", "--touch"),
                *("--no-same-owner", "--no-same-permissions"),
            ],
            env={"PATH": search_path, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def finish(self) -> None:
        """Return when all of it is there.

        Raises:
            InfrastructureError: it is no such archive, the node has no disk or memory for it, or
                it takes too long.
        """
        with self._process as process:
            try:
                _, errors = process.communicate(timeout=self._deadline - time.monotonic())
            except subprocess.TimeoutExpired as error:
                process.kill()
                raise SlowUnpackingError(self._name) from error
        if process.returncode:
            raise self._failure(process.returncode, errors.decode("utf-8", "replace"))

    def _failure(self, returncode: int, output: str) -> InfrastructureError:
        """FETCH_FAILED only where the archive itself is to blame: a record would be refused."""
        if _DISK_FULL.search(output):
            return InfrastructureError(ExitCode.OUT_OF_DISK, f"No space left for {self._name}.")
        if returncode == -signal.SIGKILL or _STARVED.search(output):
            return InfrastructureError(
                ExitCode.OUT_OF_MEMORY, f"Not enough memory to unpack {self._name}."
            )
        last = output.strip().splitlines()[-1:] or ["no reason given"]
        return InfrastructureError(ExitCode.FETCH_FAILED, f"Cannot unpack {self._name}: {last[0]}")
