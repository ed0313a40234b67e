"""Notes which toolchain programs a build runs, in which order and with which arguments.

Scripts of the programs' names stand before them on the search path: each writes down how it was
called, and becomes the program. So nothing in the tree is changed, nor what it does.
"""

import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qmk_runner.workbench.qmk_server import write_program

#: What makes files of a firmware: the compilers with their binutils, and the two that turn what
#: is linked into what is flashed (QMK's uf2conv.py is a Python script).
_PROGRAMS = re.compile(
    r"(?:avr|arm-none-eabi|riscv(?:32|64)?-[a-z]+(?:-elf)?)-[A-Za-z0-9.+-]+"
    r"|dfu-suffix|python3"
)
#: One line of the list is written at once, so it stays whole beside others; a call is not. What
#: cannot be noted is not done: a record that does not know of it would look like a whole one.
_SCRIPT = """\
#!/bin/sh
printf '%s\\0' "$PWD" "${{MAKE-}}" {name} "$@" > {folder}/$$ && echo "$$" >> {folder}/order \\
    || exit 125
exec {program} "$@"
"""


@dataclass(frozen=True)
class ProgramCall:
    """One call. ``make`` is the variable of that name, by which a compiler finds make."""

    folder: Path
    make: str
    command: tuple[str, ...]


class Recording:
    """``folder`` is for the recording's own files."""

    def __init__(self, folder: Path, search_path: Sequence[str]) -> None:
        self._log = folder / "log"
        self.programs = folder / "bin"
        self._log.mkdir(parents=True)
        self.programs.mkdir()
        for name, program in _found(search_path).items():
            text = _SCRIPT.format(
                name=shlex.quote(name),
                folder=shlex.quote(str(self._log)),
                program=shlex.quote(str(program)),
            )
            write_program(self.programs / name, text)

    def calls(self) -> Iterator[ProgramCall]:
        """What was called so far, in order of the calls' beginnings."""
        order = self._log / "order"
        for process in order.read_text().split() if order.exists() else ():
            folder, make, *command = map(
                os.fsdecode, (self._log / process).read_bytes().split(b"\0")[:-1]
            )
            yield ProgramCall(Path(folder), make, tuple(command))


def _found(search_path: Sequence[str]) -> Mapping[str, Path]:
    """The programs on a search path by their names; the first folder that has one counts."""
    found: dict[str, Path] = {}
    for folder in map(Path, search_path):
        if not folder.is_dir():
            continue
        for path in sorted(folder.iterdir()):
            if _PROGRAMS.fullmatch(path.name) and os.access(path, os.X_OK):
                found.setdefault(path.name, path)
    return found
