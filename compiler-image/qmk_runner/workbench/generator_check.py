"""Proves that the generators say the same without the tree, where the fast path has them."""

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import qmk_contract
import qmk_runner
from qmk_contract.codec import to_body
from qmk_contract.firmware_tree import of_the_generator, of_the_tree
from qmk_runner.workbench import programs, replay
from qmk_runner.workbench.launcher import Launcher
from qmk_runner.workbench.record import Record, RecordError
from qmk_runner.workbench.selection import UnfitError

_GENERATORS = "qmk_runner.workbench.generators"


def lay(tree: Path, folder: Path) -> None:
    """Copy the generator layer of a tree."""
    for path in _paths(tree):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(tree / path, folder / path)


def check(made: Record, launcher: Launcher, tree: Path, folder: Path, keymap: bytes) -> None:
    """Run the generators that read a keymap as make has them run in the tree, and without it.

    ``launcher`` is the one that make's calls went to, ``folder`` has the generators' layer and the
    record's files. What a tree's generators do not take is to be refused without it, too. The
    files of both are as before afterwards.

    Raises:
        RecordError: what one makes there is not what it made in the whole tree, or what it makes
            in the tree of the recorded keymap is not what it made in the build.
    """
    recorded = {path: _read(tree / path) for path in (made.keymap, *_outputs(made))}
    with _replaced(made, tree, keymap):
        # Who fails there is to fail without the tree.
        with contextlib.suppress(UnfitError):
            replay.run_all(launcher, replay.varying(made), tree, 1)
        whole = {path: _read(tree / path) for path in _outputs(made)}
    with _replaced(made, folder, keymap):
        said = _run_alone(made, folder)
        alone = {path: _read(folder / path) for path in _outputs(made)}
    for path, data in whole.items():
        if keymap == recorded[made.keymap] and data != recorded[path]:
            raise RecordError(f"{path} is not what it was in the build")
        if alone[path] != data:
            raise RecordError(f"{path} is not the same without the tree: {said}")


def _outputs(made: Record) -> tuple[str, ...]:
    return tuple(item.output for item in replay.varying(made))


@contextlib.contextmanager
def _replaced(made: Record, folder: Path, keymap: bytes) -> Iterator[None]:
    """Another keymap is in the recorded one's place, and nothing is made of it."""
    before = {path: (folder / path).read_bytes() for path in (made.keymap, *_outputs(made))}
    try:
        (folder / made.keymap).write_bytes(keymap)
        for path in _outputs(made):
            (folder / path).unlink()
        yield
    finally:
        for path, data in before.items():
            (folder / path).write_bytes(data)


def _run_alone(made: Record, folder: Path) -> str:
    """Returns the last line said."""
    document = folder.with_name(f"{folder.name}.json")
    document.write_text(json.dumps(to_body(made)))
    end = programs.run(
        (sys.executable, "-P", "-m", _GENERATORS, str(document), str(folder)),
        folder,
        {
            "PYTHONPATH": str(_packages(folder.with_name(f"{folder.name}-packages"))),
            "QMK_HOME": str(folder),
            "ORIG_CWD": str(folder),
        },
    )
    return end.last_line


def _packages(folder: Path) -> Path:
    """A folder to find our packages in: a sandbox lets nobody look into the one that has them."""
    folder.mkdir(exist_ok=True)
    for package in (qmk_contract, qmk_runner):
        if not (link := folder / package.__name__).is_symlink():
            link.symlink_to(package.__path__[0])
    return folder


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _paths(tree: Path) -> Iterator[str]:
    for above, folders, names in os.walk(tree):
        # The bulk of a tree, of which nothing is the generators'.
        folders[:] = [name for name in folders if name not in {"keyboards", ".git", ".build"}]
        for name in names:
            path = str((Path(above) / name).relative_to(tree))
            if of_the_tree(path) and of_the_generator(path):
                yield path
