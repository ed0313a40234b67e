"""Proves that the tree's generators say the same without the tree: so the fast path has them."""

import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from qmk_contract.codec import to_body
from qmk_contract.firmware_tree import of_the_generator, of_the_tree
from qmk_runner import own_packages
from qmk_runner.workbench import programs, replay
from qmk_runner.workbench.record import Record, RecordError

_GENERATORS = "qmk_runner.workbench.generators"


def lay(tree: Path, folder: Path) -> None:
    """Copy the generator layer of a tree."""
    for path in _paths(tree):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(tree / path, folder / path)


def check(made: Record, tree: Path, folder: Path, keymap: bytes) -> None:
    """Run the generators that read a keymap in the tree, and without it.

    ``folder`` has their layer and the record's files. What a tree's generators do not take is to
    be refused without it, too. The files of both are as before afterwards.

    Raises:
        RecordError: what one makes there is not what it made in the whole tree.
    """
    document = folder.with_name(f"{folder.name}.json")
    document.write_text(json.dumps(to_body(made)))
    whole, _ = _run(made, document, tree, keymap)
    alone, said = _run(made, document, folder, keymap)
    for path, data in whole.items():
        if alone[path] != data:
            raise RecordError(f"{path} is not the same without the tree: {said}")


def _run(
    made: Record, document: Path, folder: Path, keymap: bytes
) -> tuple[Mapping[str, bytes | None], str]:
    """Returns what each output has, None for one that was not made, and the last line said."""
    outputs = [item.output for item in replay.varying(made)]
    before = {path: (folder / path).read_bytes() for path in (made.keymap, *outputs)}
    try:
        (folder / made.keymap).write_bytes(keymap)
        for path in outputs:
            (folder / path).unlink()
        end = programs.run(
            (sys.executable, "-P", "-m", _GENERATORS, str(document), str(folder)),
            folder,
            {
                "PYTHONPATH": own_packages.search_path(),
                "QMK_HOME": str(folder),
                "ORIG_CWD": str(folder),
            },
        )
        return {path: _read(folder / path) for path in outputs}, _last_line(end.output)
    finally:
        for path, data in before.items():
            (folder / path).write_bytes(data)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _last_line(output: bytes) -> str:
    return output.decode("utf-8", "replace").strip().rpartition("\n")[2][:200]


def _paths(tree: Path) -> Iterator[str]:
    for above, folders, names in os.walk(tree):
        # The bulk of a tree, of which nothing is the generators'.
        folders[:] = [name for name in folders if name not in {"keyboards", ".git", ".build"}]
        for name in names:
            path = str((Path(above) / name).relative_to(tree))
            if of_the_tree(path) and of_the_generator(path):
                yield path
