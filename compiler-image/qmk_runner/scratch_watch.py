"""How much disk a build takes."""

import os
import stat
import time
from pathlib import Path

#: What a build leaves is some 60 MB and 6,000 files, with the whole of QMK's tree unpacked.
BYTES_MAX = 1 << 30
FILES_MAX = 100_000
#: A walk through the folders may take one part in this many of the time: with and without cause.
_SHARE_WITH_CAUSE, _SHARE = 10, 100
_FIRST_WALK_SECONDS = 2.0
_BLOCK_BYTES = 512  # of st_blocks, see stat(2)
#: With less than this, a program of a build fails at its next file whatever it is about.
_FREE_BYTES_MIN = 1 << 20
_FREE_FILES_MIN = 16


def bound(volume_bytes: int | None) -> int:
    """How many bytes a build may take of a volume: the watch is to be there before the volume's
    own end, where programs fail one way or another, or the node ends the pod."""
    return BYTES_MAX if volume_bytes is None else min(BYTES_MAX, volume_bytes * 9 // 10)


def is_alone(folder: Path, volume_bytes: int | None) -> bool:
    """Whether the file system is no larger than the build's volume, and so is that volume.

    Raises:
        OSError: it cannot be asked.
    """
    found = os.statvfs(folder)
    return volume_bytes is not None and found.f_blocks * found.f_frsize <= volume_bytes


def is_full(folder: Path) -> bool:
    """Whether the file system has next to nothing left, of bytes or of files.

    Raises:
        OSError: it cannot be asked.
    """
    found = os.statvfs(folder)
    # File systems that make inodes as they need them count none.
    no_files = found.f_files > 0 and found.f_favail < _FREE_FILES_MIN
    return no_files or found.f_bavail * found.f_frsize < _FREE_BYTES_MIN


class ScratchWatch:
    """Watches what lies below a folder.

    The file system's own counts, which take microseconds, say whether that much was written to
    it since the watch began. That is a cause for a walk, since others may have written it. They may
    as well have removed as much: so there are walks without a cause, too, but few of them.
    """

    def __init__(
        self, folder: Path, *, bytes_max: int = BYTES_MAX, files_max: int = FILES_MAX
    ) -> None:
        self._folder = folder
        self._bytes_max = bytes_max
        self._files_max = files_max
        self._before = os.statvfs(folder)
        now = time.monotonic()
        self._next_with_cause, self._next = now, now + _FIRST_WALK_SECONDS

    def excess(self) -> str | None:
        begun = time.monotonic()
        if begun < self._next and (begun < self._next_with_cause or not self._suspicious()):
            return None
        try:
            size, files = _taken(self._folder)
            device = self._folder.stat().st_dev
        except OSError as error:
            return f"The build made a folder that cannot be looked into: {error.strerror}."
        size += _unnamed(device)
        took = time.monotonic() - begun
        self._next_with_cause = begun + _SHARE_WITH_CAUSE * took
        self._next = begun + max(_FIRST_WALK_SECONDS, _SHARE * took)
        if size > self._bytes_max:
            return f"The build wrote more than {self._bytes_max} bytes to disk."
        if files > self._files_max:
            return f"The build made more than {self._files_max} files."
        return None

    def _suspicious(self) -> bool:
        now, before = os.statvfs(self._folder), self._before
        written = (before.f_bfree - now.f_bfree) * now.f_frsize
        made = before.f_ffree - now.f_ffree
        return written > self._bytes_max or made > self._files_max


def _taken(folder: Path) -> tuple[int, int]:
    """Bytes on disk and files below a folder, each counted once whatever its names."""
    size = files = 0
    linked: set[int] = set()
    folders = [str(folder)]
    while folders:
        try:
            entries = list(os.scandir(folders.pop()))
        except FileNotFoundError:
            continue
        for entry in entries:
            try:
                found = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            files += 1
            if stat.S_ISDIR(found.st_mode):
                folders.append(entry.path)
            elif found.st_nlink > 1:
                if found.st_ino in linked:
                    continue
                linked.add(found.st_ino)
            size += found.st_blocks * _BLOCK_BYTES
    return size, files


def _unnamed(device: int) -> int:
    """Bytes of files on a device that are open somewhere in this container and have no name."""
    sizes: dict[int, int] = {}
    for process in os.scandir("/proc"):
        if not process.name.isdecimal():
            continue
        for descriptor in _descriptors(process.path):
            try:
                found = descriptor.stat()
            except OSError:
                continue
            if stat.S_ISREG(found.st_mode) and found.st_nlink == 0 and found.st_dev == device:
                sizes[found.st_ino] = found.st_blocks * _BLOCK_BYTES
    return sum(sizes.values())


def _descriptors(process: str) -> list[Path]:
    """None of a process that has ended since it was listed, or is somebody else's."""
    try:
        return [Path(entry.path) for entry in os.scandir(f"{process}/fd")]
    except OSError:
        return []
