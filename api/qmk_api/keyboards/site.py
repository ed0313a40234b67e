"""The keyboard site of one commit: which pages it has, and what each of them is made from."""

import functools
import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from qmk_contract.artifacts import JSON
from qmk_contract.keyboards import KEYBOARD_LENGTH_MAX, KEYBOARD_PATTERN, resolve_alias
from qmk_contract.site import SiteFile, content_type

KEYBOARD_LIST = "v1/keyboard_list.json"
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
        return self._of_alias(match[1], match[2]) if match else None

    def info(self, keyboard: str) -> Page | None:
        """A keyboard's info.json under the name that was asked for; None for no keyboard's name."""
        return self.page(f"v1/keyboards/{keyboard}/info.json")

    def names(self) -> Page | None:
        """The names of all keyboards as a bare array."""
        return self._made(KEYBOARD_LIST, "names", _names) if KEYBOARD_LIST in self.files else None

    def _of_alias(self, old: str, name: str) -> Page | None:
        if len(old) > KEYBOARD_LENGTH_MAX:
            return None
        path = f"v1/keyboards/{resolve_alias(old, self.aliases)}/{name}"
        if path not in self.files:
            return None
        if name == "readme.md":
            return self._file(path)
        # Clients look the answer up by the name that they asked for.
        return self._made(path, old, functools.partial(_renamed, old))

    def _file(self, path: str) -> Page:
        file = self.files[path]
        return Page(self.commit, path, file, file.sha256, content_type(path))

    def _made(self, path: str, how: str, made: Callable[[bytes], bytes]) -> Page:
        file = self.files[path]
        tag = hashlib.sha256(f"{file.sha256} {how}".encode()).hexdigest()
        return Page(self.commit, path, file, tag, JSON, made)


def _names(content: bytes) -> bytes:
    return _compact(list(json.loads(content)["keyboards"]))


def _renamed(name: str, content: bytes) -> bytes:
    document = json.loads(content)
    (info,) = document["keyboards"].values()
    return _compact({**document, "keyboards": {name: info}})


def _compact(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
