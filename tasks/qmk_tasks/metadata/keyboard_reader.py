"""Runs of ``generate-api`` for some keyboards, and for none of them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from qmk_contract.documents import read_document
from qmk_contract.keyboards import keyboard_names
from qmk_contract.site import FILE_BYTES_MAX
from qmk_tasks.errors import TaskError
from qmk_tasks.layers import archive
from qmk_tasks.metadata import keyboard_lists
from qmk_tasks.metadata.keyboard_entry import Entry, entry, information_path
from qmk_tasks.metadata.keyboard_lists import LIST, LISTS, TIME, without_time
from qmk_tasks.metadata.keyboard_view import KeyboardView
from qmk_tasks.metadata.qmk_program import QmkFailed, QmkProgram

#: A keyboard takes 0.1 s of a processor; a tenth of one, shared, may be all there is.
_SECONDS_AT_LEAST = 120.0
_SECONDS_A_KEYBOARD = 2.0


class NotMergeable(Exception):
    """The tree writes its metadata in a way that parts of it cannot be put together again."""


@dataclass(frozen=True)
class Frame:
    """What the subcommand writes of a tree without keyboards: its folder, and its lists.

    ``filters`` is whether it can be told by name which keyboards to take.
    """

    folder: Path
    lists: Mapping[str, Mapping[str, Any]]
    filters: bool

    @classmethod
    def read(cls, folder: Path, *, filters: bool) -> "Frame":
        """Raises NotMergeable: there are not the lists that are known."""
        lists = {path: _document(folder / path) for path in LISTS}
        if not all(isinstance(document, dict) for document in lists.values()):
            raise NotMergeable("the lists of keyboards are no objects")
        return cls(folder, lists, filters)


class KeyboardReader:
    """The subcommand in one copy of the tree."""

    def __init__(self, program: QmkProgram, view: KeyboardView) -> None:
        self._program = program
        self._view = view

    def frame(self) -> Path:
        """The folder that it writes without keyboards, until the next run.

        Raises:
            TaskError: it failed, so that it would for any keyboard.
        """
        try:
            return self._run((), filters=False)
        except QmkFailed as error:
            raise TaskError(f"qmk generate-api failed on this tree:\n{error}") from error

    def filters(self) -> bool:
        """Whether it can be told which keyboards to take."""
        try:
            usage = self._program.run(
                self._view.folder, ["generate-api", "--help"], _SECONDS_AT_LEAST
            )
        except QmkFailed:
            return False
        return "--filter" in usage

    def read(self, names: Sequence[str], frame: Frame) -> Path:
        """The folder that it writes for these keyboards, until the next run; checked.

        Raises:
            QmkFailed: it failed at one of them at least, or does not describe it.
            NotMergeable: what it wrote is not what its parts amount to.
        """
        folder = self._run(names, filters=frame.filters)
        for name in names:
            if not (folder / information_path(name)).is_file():
                raise QmkFailed(f"qmk generate-api does not describe {name}")
        _check(folder, frame)
        return folder

    def written(self) -> frozenset[str]:
        """The keyboards that the last run got to describe."""
        output = self._view.output()
        if output is None:
            return frozenset()
        files = map(PurePosixPath, archive.files(output / "v1/keyboards"))
        return frozenset(str(path.parent) for path in files if path.name == "info.json")

    def _run(self, names: Collection[str], *, filters: bool) -> Path:
        self._view.show(names)
        chosen = [f"--filter={name}" for name in names] if filters else []
        seconds = _SECONDS_AT_LEAST + _SECONDS_A_KEYBOARD * len(names)
        command = ["generate-api", *chosen]
        self._program.run(self._view.folder, command, seconds, self._view.written)
        output = self._view.output()
        if output is None:
            raise QmkFailed("qmk generate-api wrote nothing")
        return output


def read_entry(folder: Path, name: str) -> Entry:
    """What a folder that the subcommand wrote says of one keyboard.

    Raises:
        NotMergeable: it says it in another way.
    """
    document = _document(folder / information_path(name))
    try:
        return entry(document["keyboards"][name])
    except (KeyError, TypeError, ValueError) as error:
        raise NotMergeable(f"{name}: {error}") from error


def _check(folder: Path, frame: Frame) -> None:
    """That lists made of the keyboards are the lists that were written, and nothing is beside."""
    try:
        names = keyboard_names(_document(folder / LIST))
    except ValueError as error:
        raise NotMergeable(str(error)) from error
    entries = {name: read_entry(folder, name) for name in names}
    for path, text in keyboard_lists.lists(frame.lists, entries).items():
        if without_time(text.encode()) != without_time((folder / path).read_bytes()):
            raise NotMergeable(f"{path} is not made of the keyboards' own metadata alone")
    expected = set(archive.files(frame.folder))
    of_keyboards = {path for name, found in entries.items() for path in found.files(name)}
    for path in archive.files(folder):
        if path in of_keyboards or path in LISTS:
            continue
        if path not in expected or not _same(folder / path, frame.folder / path):
            raise NotMergeable(f"{path} depends on which keyboards there are")


def _same(file: Path, other: Path) -> bool:
    content, others = file.read_bytes(), other.read_bytes()
    return content == others or (
        TIME.encode() in content and without_time(content) == without_time(others)
    )


def _document(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            return read_document(file.read(FILE_BYTES_MAX + 1), FILE_BYTES_MAX)
    except (OSError, ValueError) as error:
        raise NotMergeable(f"{path.name} cannot be read") from error
