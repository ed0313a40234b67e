"""Programs of the toolchain, run one by one with the environment that the build was given."""

import os
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

#: Of what one program writes; a compiler that stops at each key of a keymap writes megabytes.
OUTPUT_BYTES_MAX = 1 << 20
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class Finished:
    """Exit status as subprocess has it, and what the program wrote, both streams in one.

    ``whole`` unless it wrote more than OUTPUT_BYTES_MAX: then the output is what came first.
    """

    returncode: int
    output: bytes
    whole: bool = True

    @property
    def last_line(self) -> str:
        """The last line of the output, as much as a message can hold of it."""
        return self.output.decode("utf-8", "replace").strip().rpartition("\n")[2][:200]


def search_path(*first: Path) -> str:
    """The build's search path, with these folders before its own."""
    return os.pathsep.join([*map(str, first), *folders()])


def folders() -> list[str]:
    """The folders of the build's search path."""
    return os.get_exec_path()


def run(command: Sequence[str], folder: Path, changes: Mapping[str, str] | None = None) -> Finished:
    """Run a program in a folder; ``changes`` are to the environment."""
    kept, whole = bytearray(), True

    def keep(chunk: bytes) -> None:
        nonlocal whole
        room = OUTPUT_BYTES_MAX - len(kept)
        kept.extend(chunk[:room])
        whole = whole and len(chunk) <= room

    returncode = stream(command, folder, changes or {}, keep)
    return Finished(returncode, bytes(kept), whole)


def stream(
    command: Sequence[str],
    folder: Path,
    changes: Mapping[str, str],
    output: Callable[[bytes], None],
) -> int:
    """Run a program in a folder and pass on what it writes; returns its exit status."""
    with subprocess.Popen(  # noqa: S603 - no shell, and the sandbox is what protects
        command,
        cwd=folder,
        env={**os.environ, **changes},  # noqa: TID251 - passed on
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        pipe = process.stdout
        while pipe and (chunk := os.read(pipe.fileno(), _CHUNK_BYTES)):
            output(chunk)
    return process.returncode
