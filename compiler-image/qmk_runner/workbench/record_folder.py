"""A record as it was unpacked: its document, and the files that go into the tree."""

import json
import os
from pathlib import Path

from qmk_runner.workbench import record
from qmk_runner.workbench.record import BUILD, DOCUMENT, FILES, Record, RecordError

_DOCUMENT_BYTES_MAX = 16 << 20


def read(folder: Path, *, digest: str, keyboard: str) -> Record:
    """Read the document of the record in a folder.

    Raises:
        RecordError: it is not this keyboard's, or not whole.
    """
    document = folder / DOCUMENT
    try:
        if document.is_symlink() or document.stat().st_size > _DOCUMENT_BYTES_MAX:
            raise RecordError("the document is not a plain file")
        body = json.loads(document.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise RecordError(f"no document can be read: {error}") from error
    return record.read(body, digest=digest, keyboard=keyboard)


def install(folder: Path, tree: Path, *, whole: bool) -> None:
    """Move a record's files into the tree; what a whole tree has of its own, it keeps.

    Raises:
        RecordError: something else than plain files came with the record.
    """
    made = set()
    for path in _paths(folder):
        if whole and not path.startswith(f"{BUILD}/"):
            continue
        target = f"{tree}/{path}"
        if (place := target.rpartition("/")[0]) not in made:
            os.makedirs(place, exist_ok=True)  # noqa: PTH103 - some hundred, and time counts
            made.add(place)
        os.replace(f"{folder}/{FILES}/{path}", target)  # noqa: PTH105


def _paths(folder: Path) -> list[str]:
    """The files that came with a record, relative to the tree."""
    found: list[str] = []
    folders = [""]
    while folders:
        above = folders.pop()
        with os.scandir(f"{folder}/{FILES}/{above}") as entries:
            for entry in entries:
                path = f"{above}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    folders.append(f"{path}/")
                elif entry.is_file(follow_symlinks=False):
                    found.append(path)
                else:
                    raise RecordError(f"not a plain file: {path[:80]!r}")
    return found
