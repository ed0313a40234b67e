"""What the tree's own ``qmk generate-api`` writes, and what that says of its keyboards.

It is run for some keyboards at a time, and what it writes is put together: so it is twice as fast
on two processors, a keyboard that makes it fail costs no other, a task that was ended goes on
where it was, and keyboards that have not changed are not read again. Where a tree writes its
metadata in another way than QMK's, it is run once for all.
"""

import shutil
import sys
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qmk_contract.artifacts import is_site_path
from qmk_contract.keyboards import keyboard_aliases, keyboard_names
from qmk_contract.site import SiteFile
from qmk_tasks.containment import Containment
from qmk_tasks.errors import TaskError
from qmk_tasks.metadata import metadata_inputs, whole_site
from qmk_tasks.metadata.keyboard_chunks import Chunks, split
from qmk_tasks.metadata.keyboard_entry import information_path
from qmk_tasks.metadata.keyboard_reader import Frame, KeyboardReader, NotMergeable
from qmk_tasks.metadata.keyboard_site import KeyboardSite
from qmk_tasks.metadata.keyboard_view import KeyboardView, link_out
from qmk_tasks.metadata.previous import Previous, PreviousKeyboards
from qmk_tasks.metadata.qmk_program import QmkFailed, QmkProgram

_LIST_SECONDS = 120.0
_FAILED_SHOWN = 50
#: What it is run beside itself: a snapshot has two processors.
AT_ONCE = 2
#: The part of a manifest's ``contents`` that says what all keyboards' metadata depends on.
CONTENTS = "metadata"
#: What the service cannot be without, by path, with what reads it.
NEEDED: Mapping[str, Callable[[Any], object]] = {
    "v1/keyboard_list.json": keyboard_names,
    "v1/keyboard_aliases.json": keyboard_aliases,
}


@dataclass(frozen=True)
class Source:
    """A tree, the commit that it is of, and what its programs run in.

    ``unchanged`` are the top-level keyboard folders that have the previous commit's very files.
    """

    tree: Path
    commit: str
    containment: Containment
    unchanged: Set[str] = frozenset()


@dataclass(frozen=True)
class Generated:
    """What became of the keyboards.

    ``kept`` are files of the previous commit's site that the new one has too; they were not
    written. ``faults`` is what is wrong with keyboards, by keyboard, whether they are in the site
    or could not be read at all. ``inputs`` is the digest of what all keyboards' metadata depends
    on, for the manifest's ``contents``; None where the next commit cannot build on this one's.
    """

    kept: Mapping[str, SiteFile]
    faults: Mapping[str, Sequence[str]]
    inputs: str | None = None


def generate(
    source: Source, work: Path, target: Path, *, previous: Previous | None = None
) -> Generated:
    """Write the keyboard site of a tree to ``target``, but for what stays of the previous one.

    What was done is kept in ``work``, so that a task that was ended takes it up there.

    Raises:
        TaskError: the tree's own code failed for all keyboards, or did not write what the service
            cannot be without.
    """
    inputs = metadata_inputs.digest(source.tree, source.containment.search_path)
    try:
        site = _read(source, inputs, work, previous)
        _clear(target)
        site.write(target)
        generated = Generated(site.kept, site.faults(), inputs)
    except NotMergeable as why:
        _say(f"All keyboards are read in one run, since {why}.")
        _clear(target)
        view = KeyboardView(source.tree, work / "view", ())
        whole_site.write(view, QmkProgram(source.containment, work / "home"), target)
        generated = Generated({}, whole_site.faults(target))
    for name in NEEDED:
        if not (target / name).is_file():
            raise TaskError(f"qmk generate-api wrote no {name}")
    return generated


def _read(source: Source, inputs: str, work: Path, previous: Previous | None) -> KeyboardSite:
    if link := link_out(source.tree):
        raise NotMergeable(f"{link} is a link to another folder")
    names = _keyboards(QmkProgram(source.containment, work / "home"), source.tree)
    readers = [_reader(source, work, names, 0)]
    frame = _frame(readers[0], work / "frame")
    site = KeyboardSite(frame, previous.keyboards() if previous else PreviousKeyboards({}, {}))
    same = previous is not None and previous.manifest.contents.get(CONTENTS) == inputs
    unchanged = source.unchanged if same else frozenset()
    wanted = [name for name in names if not site.keep(name, unchanged)]
    if site.size:
        _say(f"{site.size:,} of {len(names):,} keyboards are as in the commit before.")
    readers += [
        _reader(source, work, names, number)
        for number in range(1, min(AT_ONCE, len(split(wanted))))
    ]
    done = 0
    for folder, chunk in Chunks(work / source.commit / inputs, readers, frame).read(wanted):
        site.add(folder, chunk)
        done += len(chunk.read) + len(chunk.failed)
        _say(f"{done:,} of {len(wanted):,} keyboards read.")
        for name, reason in list(chunk.failed.items())[:_FAILED_SHOWN]:
            _say(f"Left out: {name}, which cannot be read: {reason!r}")
    if not site.size:
        raise TaskError("no keyboard of this tree can be read")
    return site


def _reader(source: Source, work: Path, names: Sequence[str], number: int) -> KeyboardReader:
    program = QmkProgram(source.containment, work / f"home-{number}")
    return KeyboardReader(program, KeyboardView(source.tree, work / f"view-{number}", names))


def _frame(reader: KeyboardReader, folder: Path) -> Frame:
    _clear(folder)
    shutil.move(reader.frame(), folder)
    return Frame.read(folder, filters=reader.filters())


def _keyboards(program: QmkProgram, tree: Path) -> list[str]:
    try:
        printed = program.run(tree, ["list-keyboards"], _LIST_SECONDS)
    except QmkFailed as error:
        raise NotMergeable(f"qmk list-keyboards failed: {error.reason}") from error
    names = []
    for name in sorted({*printed.splitlines()}):
        if is_site_path(information_path(name)):
            names.append(name)
        else:
            _say(f"Left out: {name!r}, no name of a keyboard.")
    return names


def _clear(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()
