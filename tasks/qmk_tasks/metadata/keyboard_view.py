"""A copy of a firmware tree made of hard links, that shows only some of its keyboards.

The tree's subcommands have one place to write to, and take all keyboards that they find below
``keyboards/``; so what is to run beside another, or without a keyboard that breaks it, has a copy.
No file of the tree is changed: what they write lies in folders of the copy's own.
"""

import os
import shutil
from collections.abc import Collection, Iterable
from pathlib import Path, PurePosixPath

_KEYBOARDS = "keyboards"
#: Where generate-api writes; older trees leave out ".build".
_OUTPUTS = (".build/api_data", "api_data")
_WRITTEN = (".build", "api_data")
_NOT_COPIED = frozenset({".git", *_WRITTEN, _KEYBOARDS})


class KeyboardView:
    """One copy, in a folder of its own; ``keyboards`` are the names of all that the tree has."""

    def __init__(self, tree: Path, folder: Path, keyboards: Collection[str]) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        _copy(tree, folder, _NOT_COPIED)
        self.folder = folder
        self._source = tree / _KEYBOARDS
        self._keyboards = frozenset(keyboards)

    def show(self, names: Collection[str]) -> None:
        """Have these keyboards, and nothing that was generated before.

        The folders of all others are left out, unless one of these is below them.
        """
        self._clear()
        shown = self.folder / _KEYBOARDS
        shown.mkdir()
        hidden = hide(self._keyboards, names)
        for entry in os.scandir(self._source):
            if not entry.is_dir(follow_symlinks=False):
                _link(Path(entry.path), shown / entry.name)
        for top in sorted({top_folder(name) for name in names}):
            _copy(self._source / top, shown / top, hidden, top)

    def show_all(self) -> None:
        """Have all that is below the tree's ``keyboards/``, and nothing that was generated."""
        self._clear()
        _copy(self._source, self.folder / _KEYBOARDS, ())

    @property
    def written(self) -> tuple[Path, ...]:
        """The folders that subcommands write to."""
        return tuple(self.folder / path for path in _WRITTEN)

    def output(self) -> Path | None:
        """The folder that was written, if there is one."""
        folders = (self.folder / path for path in _OUTPUTS)
        return next((folder for folder in folders if _is_filled(folder)), None)

    def _clear(self) -> None:
        for path in (*_WRITTEN, _KEYBOARDS):
            shutil.rmtree(self.folder / path, ignore_errors=True)
        for folder in self.written:
            folder.mkdir(exist_ok=True)


def top_folder(keyboard: str) -> str:
    """The folder below ``keyboards/`` that a keyboard lies in."""
    return keyboard.split("/", 1)[0]


def hide(keyboards: Iterable[str], shown: Iterable[str]) -> frozenset[str]:
    """The keyboards whose folders can be left out where others are shown. Pure."""
    needed = {"."}
    for name in shown:
        needed |= {name, *map(str, PurePosixPath(name).parents)}
    return frozenset(keyboards) - needed


def link_out(tree: Path) -> str | None:
    """A link below ``keyboards/`` to what is not in its top-level folder; None if there is none."""
    for folder, folders, names in os.walk(tree / _KEYBOARDS):
        for path in (Path(folder) / name for name in (*folders, *names)):
            if path.is_symlink():
                top = path.relative_to(tree / _KEYBOARDS).parts[0]
                led = os.path.normpath(path.parent / path.readlink())
                if not led.startswith(f"{tree / _KEYBOARDS / top}/"):
                    return str(path.relative_to(tree))
    return None


def _copy(source: Path, target: Path, left_out: Collection[str], path: str = "") -> None:
    """Link the files of a folder; ``left_out`` and ``path`` are relative to where it began."""
    target.mkdir(parents=True)
    for entry in os.scandir(source):
        below = f"{path}/{entry.name}" if path else entry.name
        if below in left_out or entry.name == ".git":
            continue
        if entry.is_dir(follow_symlinks=False):
            _copy(Path(entry.path), target / entry.name, left_out, below)
        else:
            _link(Path(entry.path), target / entry.name)


def _is_filled(folder: Path) -> bool:
    # A link could lead anywhere.
    return folder.is_dir() and not folder.is_symlink() and any(folder.iterdir())


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        # Another file system, or a file of somebody else's.
        shutil.copy2(source, target, follow_symlinks=False)
