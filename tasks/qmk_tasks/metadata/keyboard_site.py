"""A keyboard site put together: keyboards that were read now, and those of the previous commit."""

import os
import shutil
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

from qmk_contract.site import SiteFile
from qmk_tasks.metadata import keyboard_lists
from qmk_tasks.metadata.keyboard_chunks import Chunk
from qmk_tasks.metadata.keyboard_entry import Entry, information_path
from qmk_tasks.metadata.keyboard_lists import KEYBOARDS
from qmk_tasks.metadata.keyboard_reader import Frame, read_entry
from qmk_tasks.metadata.keyboard_view import top_folder
from qmk_tasks.metadata.previous import PreviousKeyboards


class KeyboardSite:
    """Keyboards come in by `keep` and `add`, and the site is then written once.

    What a keyboard says of itself carries the time when it was read; where that is all that has
    changed, the previous file stays, so that nobody who has it fetches it again.
    """

    def __init__(self, frame: Frame, previous: PreviousKeyboards) -> None:
        self._frame = frame
        self._previous = previous
        self._entries: dict[str, Entry] = {}
        self._folders: list[Path] = []
        self._failed: dict[str, str] = {}
        self.kept: dict[str, SiteFile] = {}

    def keep(self, name: str, unchanged: Set[str]) -> bool:
        """Take over a keyboard of an unchanged top-level folder; whether there was one."""
        files = self._previous.kept(name) if top_folder(name) in unchanged else {}
        if files:
            self._entries[name] = self._previous.entries[name]
            self.kept |= files
        return bool(files)

    def add(self, folder: Path, chunk: Chunk) -> None:
        """Take keyboards that were read, and note those that could not be.

        Raises:
            NotMergeable: the folder does not describe them.
        """
        self._folders.append(folder)
        self._failed |= chunk.failed
        for name in chunk.read:
            self._entries[name] = read_entry(folder, name)
            if self._is_as_before(name):
                path = information_path(name)
                self.kept[path] = self._previous.files[path]

    def write(self, target: Path) -> None:
        """Write all but what is kept."""
        shutil.copytree(self._frame.folder, target)
        for folder in self._folders:
            shutil.copytree(folder / "v1", target / "v1", copy_function=_link, dirs_exist_ok=True)
        for path, text in keyboard_lists.lists(self._frame.lists, self._entries).items():
            (target / path).write_text(text)
        if KEYBOARDS in self._previous.files and self._are_as_before():
            self.kept[KEYBOARDS] = self._previous.files[KEYBOARDS]
        for path in self.kept:
            (target / path).unlink(missing_ok=True)

    @property
    def size(self) -> int:
        """How many keyboards it has."""
        return len(self._entries)

    def faults(self) -> Mapping[str, Sequence[str]]:
        """What is wrong with keyboards, by keyboard, and why some are not in the site."""
        found = {name: entry.faults for name, entry in self._entries.items() if entry.faults}
        for name, reason in self._failed.items():
            found[name] = (f"not published, since it cannot be read: {reason}",)
        return found

    def _is_as_before(self, name: str) -> bool:
        before = self._previous.entries.get(name)
        return (
            before is not None
            and before.text == self._entries[name].text
            and information_path(name) in self._previous.files
        )

    def _are_as_before(self) -> bool:
        return self._entries.keys() == self._previous.entries.keys() and all(
            map(self._is_as_before, self._entries)
        )


def _link(source: str, target: str) -> None:
    # The chunk keeps its file, for a task that has to begin again.
    os.link(source, target)
