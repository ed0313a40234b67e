"""The published commit that a new snapshot can take parts from."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from qmk_contract.documents import read_document
from qmk_contract.site import FILE_BYTES_MAX, SiteFile, SiteIndex
from qmk_contract.snapshot import Manifest
from qmk_tasks.metadata.keyboard_entry import Entry, entry, information_path
from qmk_tasks.metadata.keyboard_lists import KEYBOARDS


@dataclass(frozen=True)
class Previous:
    """Both of its lists, and a copy of its site's ``v1/keyboards.json``.

    Who reads it checks the copy by the digest that ``index`` has of it.
    """

    manifest: Manifest
    index: SiteIndex
    keyboards_json_path: Path

    def keyboards(self) -> "PreviousKeyboards":
        """What it has of keyboards; none where the copy is not the one that is listed."""
        listed = self.index.files.get(KEYBOARDS)
        try:
            content = self.keyboards_json_path.read_bytes()
            if listed is None or hashlib.sha256(content).hexdigest() != listed.sha256:
                return PreviousKeyboards({}, {})
            found = read_document(content, FILE_BYTES_MAX)["keyboards"].items()
            entries = {name: entry(information) for name, information in found}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return PreviousKeyboards({}, {})
        return PreviousKeyboards(entries, self.index.files)


@dataclass(frozen=True)
class PreviousKeyboards:
    """Keyboards by name, and the site's files by path."""

    entries: Mapping[str, Entry]
    files: Mapping[str, SiteFile]

    def kept(self, name: str) -> dict[str, SiteFile]:
        """The files of one keyboard; none where it is not known."""
        known = self.entries.get(name)
        if known is None or information_path(name) not in self.files:
            return {}
        return {path: self.files[path] for path in known.files(name) if path in self.files}
