"""A record as it was unpacked: its document, and the files that go into the tree."""

import json
from pathlib import Path

from qmk_runner.workbench import record
from qmk_runner.workbench.record import BUILD, DOCUMENT, FILES, Record, RecordError

_DOCUMENT_BYTES_MAX = 16 << 20


def read(folder: Path, *, digest: str, keyboard: str) -> Record:
    """Read the record in a folder, and look at all that came with it.

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
    made = record.read(body, digest=digest, keyboard=keyboard)
    for path in _paths(folder):
        place = folder / FILES / path
        if place.is_symlink() or not place.is_file():
            raise RecordError(f"not a plain file: {path[:80]!r}")
    return made


def install(folder: Path, tree: Path, *, whole: bool) -> None:
    """Move a record's files into the tree; what a whole tree has of its own, it keeps."""
    for path in _paths(folder):
        if whole and not path.startswith(f"{BUILD}/"):
            continue
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / FILES / path).replace(tree / path)


def _paths(folder: Path) -> tuple[str, ...]:
    """The files that came with a record, relative to the tree."""
    files = folder / FILES
    found = (path for path in files.rglob("*") if path.is_symlink() or not path.is_dir())
    return tuple(str(path.relative_to(files)) for path in found)
