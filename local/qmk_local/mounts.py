"""Mounts below the cluster's folders, and their removal."""

import re
from collections.abc import Sequence
from pathlib import Path

from qmk_local.commands import run

OCTAL = re.compile(r"\\([0-7]{3})")


def below(mounts: str, folders: Sequence[Path]) -> list[Path]:
    """Mount points in the text of `/proc/self/mounts` in or at the folders, in order to unmount."""
    found = []
    for line in mounts.splitlines():
        point = Path(_unescape(line.split()[1]))
        if any(point == folder or folder in point.parents for folder in folders):
            found.append(point)
    return list(reversed(found))


def current(folders: Sequence[Path]) -> list[Path]:
    """Mount points of this machine now."""
    return below(Path("/proc/self/mounts").read_text(), folders)


def unmount_all(folders: Sequence[Path]) -> int:
    """Unmount everything there, also what is still in use; return how many there were."""
    count = 0
    while points := current(folders):
        for point in points:
            run(["umount", "--lazy", point], timeout_s=30)
            count += 1
    return count


def _unescape(text: str) -> str:
    return OCTAL.sub(lambda match: chr(int(match[1], 8)), text)
