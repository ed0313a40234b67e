"""What a snapshot takes from the commit before: read from storage, and left where it is only read.

The step that makes the snapshot runs a tree's own code, so it is given files and no credentials.
"""

import json
from pathlib import Path
from typing import Protocol, TypeVar

from qmk_contract import artifacts
from qmk_contract.codec import from_body, to_body
from qmk_contract.documents import read_document
from qmk_contract.site import FILE_BYTES_MAX, INDEX_BYTES_MAX, SiteIndex
from qmk_contract.snapshot import Manifest
from qmk_tasks.metadata.keyboard_lists import KEYBOARDS
from qmk_tasks.metadata.previous import Previous

T = TypeVar("T")


class Contents(Protocol):
    """What this needs of a bucket."""

    def read(self, key: str, bytes_max: int) -> bytes | None: ...


def write(folder: Path, manifest: Manifest, index: SiteIndex, storage: Contents) -> None:
    """Leave a published commit's lists, and its ``keyboards.json`` if it can be read."""
    target = _folder(folder, manifest.commit)
    target.mkdir(parents=True, exist_ok=True)
    (target / "manifest.json").write_text(json.dumps(to_body(manifest)))
    (target / "site.json").write_text(json.dumps(to_body(index)))
    key = artifacts.site_file(manifest.commit, KEYBOARDS)
    (target / "keyboards.json").write_bytes(storage.read(key, FILE_BYTES_MAX) or b"")


def read(folder: Path, commit: str | None) -> Previous | None:
    """What was left of a commit; None where nothing was."""
    if commit is None:
        return None
    target = _folder(folder, commit)
    try:
        manifest = _read(Manifest, target / "manifest.json")
        index = _read(SiteIndex, target / "site.json")
    except (OSError, ValueError):
        return None
    return Previous(manifest, index, target / "keyboards.json")


def _folder(folder: Path, commit: str) -> Path:
    return folder / "previous" / commit


def _read(kind: type[T], file: Path) -> T:
    return from_body(kind, read_document(file.read_bytes(), INDEX_BYTES_MAX))
