"""The folder that a comparison works in: what is kept there is of one tree and its compilers."""

import hashlib
import shutil
import subprocess
from pathlib import Path

from qmk_tasks.layers import archive

_COMPILERS = ("avr-gcc", "arm-none-eabi-gcc", "qmk")


def claim(folder: Path, tree: Path, search_path: str) -> bool:
    """Take a folder for a tree as it is now; False if what it has is of something else."""
    folder.mkdir(parents=True, exist_ok=True)
    identity = _identity(tree, search_path)
    note = folder / "identity"
    if note.is_file():
        return note.read_text() == identity
    if any(folder.iterdir()):
        return False
    note.write_text(identity)
    return True


def _identity(tree: Path, search_path: str) -> str:
    digest = hashlib.sha256(str(tree.resolve()).encode())
    for path in sorted(archive.files(tree)):
        found = (tree / path).lstat()
        digest.update(f"{path} {found.st_size} {found.st_mtime_ns}\n".encode(errors="replace"))
    for name in _COMPILERS:
        digest.update(_version(name, search_path))
    return digest.hexdigest()


def _version(name: str, search_path: str) -> bytes:
    program = shutil.which(name, path=search_path)
    if program is None:
        return b"none"
    asked = subprocess.run([program, "--version"], stdout=subprocess.PIPE, check=False)
    return program.encode() + asked.stdout
