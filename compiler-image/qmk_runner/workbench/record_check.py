"""Proves a new record before it is kept: what is made with it has the bytes that make made."""

import dataclasses
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from qmk_runner.workbench import generator_check, preprocessing, replay, selection
from qmk_runner.workbench.assembly import Assembly, KeymapError, StepFailedError
from qmk_runner.workbench.launcher import Launcher
from qmk_runner.workbench.record import Generation, Record, RecordError, Unit
from qmk_runner.workbench.recorder import Material
from qmk_runner.workbench.selection import UnfitError
from qmk_runner.workbench.step_log import StepLog


def without_false_constants(made: Record, launcher: Launcher, tree: Path) -> Record:
    """Take back what a record says of generated files that are the same for all keymaps.

    Each such generator is run with a keymap that has something in every field but modules; the
    files of the tree are as before afterwards.
    """
    constants = [item for item in made.generations if item.constant]
    keymap = tree / made.keymap
    before = keymap.read_bytes()
    kept = {item.output: (tree / item.output).read_bytes() for item in constants}
    false = set()
    try:
        keymap.write_bytes(_probe(json.loads(before)))
        for item in constants:
            if not _makes(launcher, item, tree, kept[item.output]):
                false.add(item.output)
    finally:
        keymap.write_bytes(before)
        for path, data in kept.items():
            (tree / path).write_bytes(data)
    return dataclasses.replace(
        made,
        generations=tuple(
            dataclasses.replace(item, constant=item.constant and item.output not in false)
            for item in made.generations
        ),
    )


def check(material: Material, launcher: Launcher, tree: Path, folder: Path, jobs: int) -> None:
    """Make the recorded firmware once more, with the record's files and the tree's generators.

    ``launcher`` is the one that the build had.

    Raises:
        RecordError: its bytes are not make's, or it cannot be made.
    """
    generator_check.lay(tree, folder)
    _copy({*material.files, material.record.keymap}, tree, folder)
    keymap = (tree / material.record.keymap).read_bytes()
    for text in (keymap, _probe(json.loads(keymap))):
        generator_check.check(material.record, launcher, tree, folder, text)
    assembly = Assembly(material.record, folder, jobs, StepLog(lambda _line: None))
    units = selection.keymap_units(material.record)
    _check_questions(units, tree, folder)
    try:
        assembly.compile(units, ())
        assembly.link()
        assembly.size()
    except (KeymapError, StepFailedError) as error:
        raise RecordError(f"a replay of the record failed: {error}") from error
    if not all(map(assembly.reads_only_what_was_recorded, units)):
        raise RecordError("a replay of the record read other files")
    for product in material.record.products:
        if (folder / product.source).read_bytes() != (tree / product.name).read_bytes():
            raise RecordError(f"a replay of the record made another {product.name}")


def _check_questions(units: Iterable[Unit], tree: Path, folder: Path) -> None:
    output = folder.with_name(f"{folder.name}.i")
    for unit in units:
        texts = {preprocessing.preprocess(unit, place, output) for place in (tree, folder)}
        if len(texts) > 1:
            raise RecordError(f"{unit.source} is not the same without the tree")


def _makes(launcher: Launcher, item: Generation, tree: Path, data: bytes) -> bool:
    (tree / item.output).unlink()
    try:
        replay.run_all(launcher, (item,), tree, 1)
        return (tree / item.output).read_bytes() == data
    except (UnfitError, FileNotFoundError):
        return False


def _probe(keymap: dict[str, object]) -> bytes:
    layers = keymap.get("layers")
    more = {
        "layers": [layers[0], layers[0]] if isinstance(layers, list) and layers else layers,
        "macros": [["a"]],
        "keycodes": [{"key": "PROBE", "aliases": ["PRB"]}],
        "config": {"tapping": {"term": 123}, "features": {"caps_word": True}},
        "encoders": [[{"cw": "KC_A", "ccw": "KC_B"}]],
        "host_language": "german",
    }
    return json.dumps({**keymap, **more}).encode()


def _copy(files: Iterable[str], tree: Path, folder: Path) -> None:
    for path in files:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(tree / path, folder / path)
        # By their times, too, a compiler tells headers with the same text from one another.
        times = (tree / path).stat()
        os.utime(folder / path, ns=(times.st_atime_ns, times.st_mtime_ns))
