"""Which files of the tree a command after the compilation reads: by its words, and by scripts."""

import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from qmk_runner.workbench import record
from qmk_runner.workbench.record import BUILD

_INCLUDE = re.compile(r"^\s*INCLUDE\s+\"?([^\s\"]+)", re.MULTILINE)
_FOLDER = re.compile(r"(?:-L|--library-path)=?(.*)")
_SCRIPT_BYTES_MAX = 1 << 20


def find(command: Sequence[str], tree: Path) -> frozenset[str]:
    """Files, relative to the tree; what a command after the compilation makes is none of them."""
    folders = [tree / path for path in _folders(command, str(tree)) if (tree / path).is_dir()]
    found = {path for path in _named(command, str(tree)) if (tree / path).is_file()}
    waiting = [path for path in found if path.endswith(".ld")]
    while waiting:
        for name in _includes(tree / waiting.pop()):
            for place in (tree / name, *(folder / name for folder in folders)):
                if place.is_file():
                    path = record.relative(str(place), str(tree))
                    if path not in found:
                        found.add(path)
                        waiting.append(path)
                    break
    libraries = (item for folder in folders for item in folder.glob("lib*.a"))
    # QMK's uf2conv.py has its table of families beside it.
    tables = (
        item
        for path in found
        if path.endswith(".py")
        for item in (tree / path).parent.glob("*.json")
    )
    others = {record.relative(str(item), str(tree)) for item in (*libraries, *tables)}
    return frozenset(found | others)


def _named(command: Sequence[str], tree: str) -> Iterator[str]:
    """Paths that a word is, or has as an option's value, as in -Wl,--script=a.ld and -Ta.ld."""
    for word in command[1:]:
        for part in re.split(r"[,=]", word):
            path = record.relative(re.sub(r"^-[LT]", "", part), tree)
            made_later = path.startswith(f"{BUILD}/") and path.count("/") == 1
            if not path.startswith("/") and not made_later:
                yield path


def _folders(command: Sequence[str], tree: str) -> Iterator[str]:
    parts = [part for word in command[1:] for part in word.removeprefix("-Wl,").split(",")]
    for part, following in itertools.pairwise([*parts, ""]):
        if match := _FOLDER.fullmatch(part):
            path = record.relative(match[1] or following, tree)
            if not path.startswith("/"):
                yield path


def _includes(script: Path) -> list[str]:
    if script.stat().st_size > _SCRIPT_BYTES_MAX:
        return []
    return _INCLUDE.findall(script.read_text("utf-8", "replace"))
