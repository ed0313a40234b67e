"""What the metadata of every keyboard depends on, besides the keyboard's own top-level folder."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from qmk_tasks.layers import archive

#: Counted up when what is made of the same files changes.
_VERSION = 1
#: All that `generate-api` opens in QMK's tree of September 2025 lies in lib/python, data and
#: layouts; the others hold what boards are made of, and are small.
_FOLDERS = ("builddefs", "data", "layouts", "lib/python", "modules")


def digest(tree: Path, search_path: str) -> str:
    """SHA-256, in hexadecimal, of those files, and of which release of which library reads them."""
    found = hashlib.sha256(f"{_VERSION}".encode())
    for name in sorted(_libraries(search_path)):
        found.update(f"\0{name}".encode())
    for path in sorted(_paths(tree), key=os.fsencode):
        file = tree / path
        content = os.fsencode(file.readlink()) if file.is_symlink() else file.read_bytes()
        found.update(b"\0\0" + os.fsencode(path) + b"\0" + hashlib.sha256(content).digest())
    return found.hexdigest()


def _paths(tree: Path) -> Iterator[str]:
    for folder in _FOLDERS:
        if not (tree / folder).is_symlink():
            yield from (
                f"{folder}/{path}" for path in archive.files(tree / folder) if _counts(path)
            )
    for folder in (".", "keyboards"):
        yield from (
            f"{folder}/{entry.name}"
            for entry in os.scandir(tree / folder)
            if entry.is_symlink() or entry.is_file()
        )


def _counts(path: str) -> bool:
    return "__pycache__" not in path.split("/")


def _libraries(search_path: str) -> Iterator[str]:
    """Name and release of each library beside the qmk program, such as ``hjson-3.1.0``."""
    program = shutil.which("qmk", path=search_path)
    if program is not None:
        environment = Path(program).parent.parent
        for found in environment.glob("lib/python*/site-packages/*.dist-info"):
            yield found.stem
