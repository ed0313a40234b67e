"""The keyboard site of one commit: which pages it has, and what each of them is made from."""

import functools
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from qmk_contract.artifacts import JSON
from qmk_contract.documents import read_document
from qmk_contract.keyboards import keyboard_names, resolve_alias
from qmk_contract.patterns import KEYBOARD_LENGTH_MAX, KEYBOARD_PATTERN
from qmk_contract.site import SiteFile, content_type

KEYBOARD_LIST = "v1/keyboard_list.json"
INFO = "info.json"
_KEYBOARD_FILE = re.compile(rf"v1/keyboards/({KEYBOARD_PATTERN})/(info\.json|readme\.md)")


@dataclass(frozen=True)
class Page:
    """A file of a commit's site, or what ``made`` makes of its content.

    ``tag`` names the content: two pages of the same tag are the same bytes.
    """

    commit: str
    path: str
    file: SiteFile
    tag: str
    media_type: str
    made: Callable[[bytes], bytes] | None = None

    @property
    def stored(self) -> Mapping[str, int]:
        """Sizes in bytes of the page's stored copies by content coding."""
        return {} if self.made else self.file.encoded

    @property
    def original(self) -> "Page":
        """The file that the page is made from."""
        return replace(self, tag=self.file.sha256, made=None)


@dataclass(frozen=True)
class Site:
    """All files of a commit's site by path, and the old names of its keyboards.

    ``faults`` is what the tree finds wrong with its keyboards, by keyboard.
    """

    commit: str
    files: Mapping[str, SiteFile]
    aliases: Mapping[str, Any]
    faults: Mapping[str, tuple[str, ...]]

    def page(self, path: str) -> Page | None:
        """A page by its path without leading slash; None where the site has none.

        Files of a keyboard are found by its old names too.
        """
        if path in self.files:
            return self._file(path)
        match = _KEYBOARD_FILE.fullmatch(path)
        if match is None:
            return None
        old, name = match.groups()
        current = self._current(old, name)
        if current is None:
            return None
        path = _path(current, name)
        if name != INFO:
            return self._file(path)
        # Clients look the answer up by the name that they asked for.
        return self._made(path, old, functools.partial(_renamed, current, old))

    def info(self, keyboard: str) -> Page | None:
        """A keyboard's info.json under the name that was asked for; None for no keyboard's name."""
        return self.page(_path(keyboard, INFO))

    def entry(self, keyboard: str) -> Page | None:
        """What is known about a keyboard by any of its names, to be read by Entry.parse."""
        current = self._current(keyboard, INFO)
        if current is None:
            return None
        how = f"entry of {current}"
        return self._made(_path(current, INFO), how, functools.partial(_entry, current))

    def names(self) -> Page | None:
        """The names of all keyboards as a bare array."""
        return self._made(KEYBOARD_LIST, "names", _names) if KEYBOARD_LIST in self.files else None

    def _current(self, keyboard: str, name: str) -> str | None:
        """What a keyboard that has such a file is called now."""
        if _path(keyboard, name) in self.files:
            return keyboard
        if len(keyboard) > KEYBOARD_LENGTH_MAX or not re.fullmatch(KEYBOARD_PATTERN, keyboard):
            return None
        current = resolve_alias(keyboard, self.aliases)
        return current if _path(current, name) in self.files else None

    def _file(self, path: str) -> Page:
        file = self.files[path]
        return Page(self.commit, path, file, file.sha256, content_type(path))

    def _made(self, path: str, how: str, made: Callable[[bytes], bytes]) -> Page:
        file = self.files[path]
        tag = hashlib.sha256(f"{file.sha256} {how}".encode()).hexdigest()
        return Page(self.commit, path, file, tag, JSON, made)


@dataclass(frozen=True)
class Entry:
    """A keyboard's own part of its info.json, and the date there, both as JSON."""

    last_updated: bytes
    info: bytes

    @staticmethod
    def parse(content: bytes) -> "Entry":
        """Read the content of Site.entry."""
        last_updated, _, info = content.partition(b"\n")
        return Entry(last_updated, info)


def joined(commit: str, entries: Mapping[str, Entry]) -> bytes:
    """One info.json of several keyboards, by the names given to them."""
    last_updated = max(entry.last_updated for entry in entries.values())
    infos = (b"%b:%b" % (_compact(name), entry.info) for name, entry in entries.items())
    return b'{"git_hash":%b,"last_updated":%b,"keyboards":{%b}}' % (
        _compact(commit),
        last_updated,
        b",".join(infos),
    )


def _entry(keyboard: str, content: bytes) -> bytes:
    document = read_document(content)
    last_updated = document.get("last_updated")
    if not isinstance(last_updated, str):
        last_updated = ""
    # In JSON as we write it, no line ends.
    return _compact(last_updated) + b"\n" + _compact(document["keyboards"][keyboard])


def _names(content: bytes) -> bytes:
    return _compact(keyboard_names(read_document(content)))


def _renamed(current: str, name: str, content: bytes) -> bytes:
    document = read_document(content)
    return _compact({**document, "keyboards": {name: document["keyboards"][current]}})


def _path(keyboard: str, name: str) -> str:
    return f"v1/keyboards/{keyboard}/{name}"


def _compact(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
