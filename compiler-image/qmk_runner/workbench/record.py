"""What a record says: how one keyboard's firmware is made, and of which files. Pure.

All paths are relative to the tree. A command is one text, its words apart by line feeds; where
a word has the tree's own path, it has TREE.
"""

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from qmk_contract.codec import BodyError, from_body

SCHEMA = 1
#: The document's name in the archive, and the folder in it that has the files.
DOCUMENT = "record.json"
FILES = "files"
TREE = "@tree@"
#: The build folder of QMK's make.
BUILD = ".build"

_COMMAND_BYTES_MAX = 64 << 10
_ENTRIES_MAX = 4096
_PROGRAM = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}")
_MODULE = re.compile(r"qmk\.cli(?:\.[a-z_][a-z0-9_]*)+")


class RecordError(ValueError):
    """This is not the record that it should be."""


@dataclass(frozen=True)
class Generation:
    """A ``qmk`` command that reads the keymap: its words, the tree's module, the file it makes.

    ``constant``: the file is the same for all keymaps without community modules.
    """

    command: str
    module: str
    output: str
    constant: bool = False


@dataclass(frozen=True)
class Unit:
    """A compiled file: the command, the object, and what was read for it, apart by line feeds."""

    command: str
    source: str
    output: str
    dependencies: str


@dataclass(frozen=True)
class Step:
    """A command after the compilation. ``make`` is the variable of that name."""

    command: str
    make: str = ""


@dataclass(frozen=True)
class Product:
    """A firmware file: where the steps leave it, and its name in the root of the tree."""

    source: str
    name: str


@dataclass(frozen=True)
class Record:
    """``limit`` is the flash that the firmware may take, in bytes, where the tree knows it.

    ``archives`` are commands of ar, each for one library of objects.
    """

    digest: str
    keyboard: str
    keymap_name: str
    keymap: str
    generations: tuple[Generation, ...]
    units: tuple[Unit, ...]
    link: Step
    linked: str
    steps: tuple[Step, ...]
    products: tuple[Product, ...]
    limit: int | None = None
    archives: tuple[Step, ...] = ()
    schema: int = SCHEMA


def words(command: str, tree: str) -> tuple[str, ...]:
    """A command as it is run in a tree at this path."""
    return tuple(word.replace(TREE, tree) for word in command.split("\n"))


def paths(command: str) -> frozenset[str]:
    """The words of a command, those that are paths relative to the tree."""
    return frozenset(relative(word, "/tree") for word in words(command, "/tree"))


def text(command: Iterable[str], tree: str) -> str:
    """A command as a record has it.

    Raises:
        RecordError: a record cannot hold it.
    """
    made = [word.replace(tree, TREE) for word in command]
    if any("\n" in word for word in made):
        raise RecordError("a command has a line feed")
    return "\n".join(made)


def read(body: Any, *, digest: str, keyboard: str) -> Record:
    """Read a record that must be this keyboard's.

    Raises:
        RecordError: it is another's, or not in order.
    """
    try:
        record = from_body(Record, body)
    except BodyError as error:
        raise RecordError(str(error)) from error
    if (record.schema, record.digest, record.keyboard) != (SCHEMA, digest, keyboard):
        raise RecordError("the record is of something else")
    commands = list(_commands(record))
    if len(commands) > _ENTRIES_MAX:
        raise RecordError("the record is too long")
    for command in commands:
        _check_command(command)
    for generation in record.generations:
        if not _MODULE.fullmatch(generation.module):
            raise RecordError(f"not a module of subcommands: {generation.module[:80]!r}")
    for path in _paths(record):
        check_path(path)
    return record


def check_path(path: str) -> None:
    """Make sure that a path leads to a file below the tree.

    Raises:
        RecordError: it does not.
    """
    plain = posixpath.normpath(path) == path and not path.startswith(("/", "../"))
    if not plain or path in {".", ".."} or "\0" in path or len(path) > 1024:
        raise RecordError(f"not a path below the tree: {path[:80]!r}")


def relative(path: str, tree: str) -> str:
    """A path as programs write it, relative to the tree if it is below it; else absolute."""
    plain = posixpath.normpath(posixpath.join(tree, path))
    return plain.removeprefix(f"{tree}/")


def dependencies(unit: Unit) -> frozenset[str]:
    return frozenset(unit.dependencies.split("\n")) if unit.dependencies else frozenset()


def _paths(record: Record) -> Iterable[str]:
    yield record.keymap
    yield record.linked
    yield from (generation.output for generation in record.generations)
    for unit in record.units:
        yield from (unit.source, unit.output)
    for product in record.products:
        yield from (product.source, product.name)


def _commands(record: Record) -> Iterable[str]:
    yield record.link.command
    yield from (step.command for step in (*record.archives, *record.steps))
    yield from (unit.command for unit in record.units)
    yield from (generation.command for generation in record.generations)


def _check_command(command: str) -> None:
    program = command.partition("\n")[0]
    if len(command) > _COMMAND_BYTES_MAX or not _PROGRAM.fullmatch(program):
        raise RecordError(f"not a command: {program[:80]!r}")
