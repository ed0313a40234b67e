"""Programs of the toolchain, run one by one with the environment that the build was given."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Finished:
    """Exit status as subprocess has it, and what the program wrote, both streams in one."""

    returncode: int
    output: bytes


def search_path(*first: Path) -> str:
    """The build's search path, with these folders before its own."""
    return os.pathsep.join([*map(str, first), *folders()])


def folders() -> list[str]:
    """The folders of the build's search path."""
    return os.get_exec_path()


def run(command: Sequence[str], folder: Path, changes: Mapping[str, str] | None = None) -> Finished:
    """Run a program in a folder; ``changes`` are to the environment."""
    environment = {**os.environ, **changes} if changes else None  # noqa: TID251 - passed on
    ended = subprocess.run(  # noqa: S603 - no shell, and the sandbox is what protects
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return Finished(ended.returncode, ended.stdout)
