"""Proves that the tree's generators say the same without the tree: so the fast path has them."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from qmk_contract.firmware_tree import of_the_generator, of_the_tree
from qmk_runner.workbench import programs, record, replay
from qmk_runner.workbench.record import Generation, Record, RecordError


def lay(tree: Path, folder: Path) -> None:
    """Copy the generator layer of a tree."""
    for path in _paths(tree):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(tree / path, folder / path)


def check(made: Record, tree: Path, folder: Path) -> None:
    """Run the generators that read a keymap in a folder with their layer and the record's files.

    Each is a process of its own: the tree that ours has loaded is the whole one.

    Raises:
        RecordError: what one makes there is not what it made in the whole tree.
    """
    for item in replay.varying(made):
        (folder / item.output).unlink(missing_ok=True)
        said = _run(item, folder)
        try:
            same = (folder / item.output).read_bytes() == (tree / item.output).read_bytes()
        except FileNotFoundError:
            same = False
        if not same:
            raise RecordError(f"{item.output} is not the same without the tree: {said}")


def _run(item: Generation, folder: Path) -> str:
    """Returns the last line of what it said."""
    words = record.words(item.command, str(folder))
    home = {"QMK_HOME": str(folder), "ORIG_CWD": str(folder)}
    end = programs.run(("qmk", *words), folder, home)
    return end.output.decode("utf-8", "replace").strip().rpartition("\n")[2][:200]


def _paths(tree: Path) -> Iterator[str]:
    for above, folders, names in os.walk(tree):
        # The bulk of a tree, of which nothing is the generators'.
        folders[:] = [name for name in folders if name not in {"keyboards", ".git", ".build"}]
        for name in names:
            path = str((Path(above) / name).relative_to(tree))
            if of_the_tree(path) and of_the_generator(path):
                yield path
