"""Turns what was noted of a full build into a record of its keyboard."""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qmk_runner.workbench import dependencies, linker_inputs, programs, record, selection
from qmk_runner.workbench.launcher import Launcher
from qmk_runner.workbench.qmk_server import Call
from qmk_runner.workbench.record import BUILD, Generation, Product, Record, RecordError, Step, Unit
from qmk_runner.workbench.recording import ProgramCall

_COMPILER = re.compile(r"(?:.*-)?(?:gcc|g\+\+|c\+\+|cc)")
_ARCHIVER = re.compile(r"(?:.*-)?(?:gcc-)?ar")
#: After the link, these change files; the others of the recorded programs only look at them.
_MAKER = re.compile(r".*-objcopy|dfu-suffix|python3")
#: These subcommands look at nothing of a keymap but its community modules. True of QMK at least
#: since it has them (2025); a record says so only if a probe did not show otherwise.
_OF_MODULES = re.compile(r"generate-(?:[a-z]+-)*community-modules(?:-[a-z]+)*")
_LIMIT = re.compile(rb"^ \* The firmware size is [a-z ]+ - \d{1,9}/(?P<limit>\d{1,9}) \(", re.M)


@dataclass(frozen=True)
class Build:
    """A full build that ended well, and what it was asked for."""

    tree: Path
    digest: str
    keyboard: str
    keymap_name: str
    calls: Sequence[Call]
    programs: Sequence[ProgramCall]
    log: bytes


@dataclass(frozen=True)
class Material:
    """A record, and the files of the tree that belong to it."""

    record: Record
    files: frozenset[str]


def make(build: Build, launcher: Launcher) -> Material:
    """Raises RecordError: the build did something that a record cannot tell."""
    tree = str(build.tree)
    target = f"{build.keyboard.replace('/', '_')}_{build.keymap_name}"
    keymap = f"{BUILD}/obj_{target}/src/keymap.json"
    folders = {call.folder for call in build.calls} | {call.folder for call in build.programs}
    if folders - {build.tree}:
        raise RecordError("a command ran outside the tree's root")
    position, linked = _link(build, target)
    before, after = build.programs[:position], build.programs[position + 1 :]
    units = tuple(_units(before, build.tree, _twins(build.tree, Path(keymap).parent)))
    link = build.programs[position]
    steps = [call for call in after if _MAKER.fullmatch(call.command[0])]
    archives = [call for call in before if _ARCHIVER.fullmatch(call.command[0])]
    limit = _LIMIT.search(build.log)
    made = Record(
        digest=build.digest,
        keyboard=build.keyboard,
        keymap_name=build.keymap_name,
        keymap=keymap,
        generations=tuple(_generations(build, keymap, launcher)),
        units=units,
        link=Step(record.text(link.command, tree), link.make),
        linked=linked,
        steps=tuple(Step(record.text(call.command, tree), call.make) for call in steps),
        products=tuple(_products(build.tree, target)),
        limit=int(limit["limit"]) if limit else None,
        archives=tuple(Step(record.text(call.command, tree)) for call in archives),
    )
    if not (made.generations and made.products and selection.keymap_units(made)):
        raise RecordError("nothing is known of how the keymap gets into the firmware")
    if untold := selection.untold_objects(made):
        raise RecordError(f"it was not noted how {untold[0]} is made")
    return Material(made, frozenset(_files(build.tree, made)))


def _link(build: Build, target: str) -> tuple[int, str]:
    output = f"{BUILD}/{target}.elf"
    for position in range(len(build.programs) - 1, -1, -1):
        command = build.programs[position].command
        if _COMPILER.fullmatch(command[0]) and _output(command, str(build.tree)) == output:
            return position, output
    raise RecordError("no command linked the firmware")


def _twins(tree: Path, folder: Path) -> Mapping[str, frozenset[str]]:
    """For each generated header those with the same text, itself among them.

    Of files with the same text and time, gcc reads only one if it has ``#pragma once``: a plain
    keymap's config.h and keymap.h are such files, if they were made within the same second.
    """
    texts = {str(folder / path.name): path.read_bytes() for path in (tree / folder).glob("*.h")}
    return {
        path: frozenset(other for other in texts if texts[other] == text)
        for path, text in texts.items()
    }


def _units(
    calls: Iterable[ProgramCall], tree: Path, twins: Mapping[str, frozenset[str]]
) -> Iterator[Unit]:
    for call in calls:
        output = _output(call.command, str(tree))
        compiled = "-c" in call.command and _COMPILER.fullmatch(call.command[0])
        if not (compiled and output and (tree / output).is_file()):
            continue
        read = _read_by(call.command, output, tree)
        read = read.union(*(twins[path] for path in read if path in twins))
        sources = [word for word in call.command[1:] if word.endswith((".c", ".S", ".cpp", ".cc"))]
        source = record.relative(sources[-1], str(tree)) if sources else output
        yield Unit(record.text(call.command, str(tree)), source, output, "\n".join(sorted(read)))


def _read_by(command: Sequence[str], output: str, tree: Path) -> frozenset[str]:
    # make moves the list once the compiler has ended, so it is looked for by either name.
    lists = (dependencies.file_of(command, output), f"{output.rpartition('.')[0]}.d")
    found = next((tree / name for name in lists if (tree / name).is_file()), None)
    if found:
        return dependencies.parse(found.read_text(), str(tree))
    # For assembler sources QMK's make asks for no list.
    end = programs.run(dependencies.asking(command), tree)
    if end.returncode or not end.whole:
        return frozenset()
    return dependencies.parse(end.output.decode("utf-8", "replace"), str(tree))


def _output(command: Sequence[str], tree: str) -> str | None:
    for option, value in itertools.pairwise(command):
        if option in {"-o", "--output"}:
            return record.relative(value, tree)
    return None


def _generations(build: Build, keymap: str, launcher: Launcher) -> Iterator[Generation]:
    tree = str(build.tree)
    seen = set()
    for call in build.calls:
        if keymap not in {record.relative(word, tree) for word in call.arguments}:
            continue
        output, module = _output(call.arguments, tree), launcher.module_of(call.arguments)
        if output is None or module is None or call.returncode != 0:
            raise RecordError(f"not a command that makes a file: {call.arguments[0][:80]}")
        if output not in seen:
            seen.add(output)
            constant = bool(_OF_MODULES.fullmatch(call.arguments[0]))
            yield Generation(record.text(call.arguments, tree), module, output, constant)


def _products(tree: Path, target: str) -> Iterator[Product]:
    for name in sorted(path.name for path in tree.glob(f"{target}.*")):
        source = f"{BUILD}/{name}"
        if (
            not (tree / source).is_file()
            or (tree / source).read_bytes() != (tree / name).read_bytes()
        ):
            raise RecordError(f"nothing is known of how {name} is made")
        yield Product(source, name)


def _files(tree: Path, made: Record) -> Iterator[str]:
    """Objects and what else commands name, generated files, what the keymap's unit reads."""
    generated = (tree / made.keymap).parent
    # No step reads it; it is from these that a VIA keyboard's firmware is known as one.
    flags = generated.parent / "cflags.txt"
    if flags.is_file():
        yield str(flags.relative_to(tree))
    for path in generated.iterdir():
        if path.is_file() and path.suffix in {".c", ".h", ".inc", ".mk"}:
            yield str(path.relative_to(tree))
    for unit in selection.keymap_units(made):
        yield unit.source
        yield from (path for path in record.dependencies(unit) if not path.startswith("/"))
    for step in (made.link, *made.steps):
        yield from linker_inputs.find(record.words(step.command, str(tree)), tree)
