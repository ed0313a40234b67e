"""Archives that are the same bytes for the same files, whoever makes them, whenever.

Names in sorted order, one time, one owner, and of a file's mode only whether it can be run.
"""

import io
import os
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from qmk_tasks.errors import TaskError

#: 1980-01-01, the first day that a zip archive knows.
EPOCH = 315_532_800
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_TIMEOUT_SECONDS = 900
_PROCESSES = 2
#: zstd shares the work on a file between threads from about this size on.
_LARGE_BYTES = 8 << 20


def files(tree: Path) -> Iterator[str]:
    """Paths of all plain files and links below a folder, relative to it; .git is not entered."""
    for folder, folders, names in os.walk(tree):
        folders[:] = [name for name in folders if name != ".git"]
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        for name in (*names, *links):
            path = Path(folder) / name
            if stat.S_ISREG(mode := path.lstat().st_mode) or stat.S_ISLNK(mode):
                yield str(path.relative_to(tree))


def tar(tree: Path, paths: Sequence[str], archive: Path) -> None:
    """Pack files of a tree, in the given order."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive, "w", format=tarfile.GNU_FORMAT) as packed:
        for path in paths:
            entry = tarfile.TarInfo(path)
            entry.mtime = EPOCH
            mode = (tree / path).lstat().st_mode
            if stat.S_ISLNK(mode):
                entry.type, entry.linkname = tarfile.SYMTYPE, str((tree / path).readlink())
                packed.addfile(entry)
            else:
                content = (tree / path).read_bytes()
                entry.mode, entry.size = _mode(mode), len(content)
                packed.addfile(entry, io.BytesIO(content))


def compress(archives: Sequence[Path], *, level: int) -> None:
    """Turn each file into one with .zst at its end: large ones in two threads, others side by side.

    Raises:
        TaskError: zstd failed.
    """
    large = [archive for archive in archives if archive.stat().st_size > _LARGE_BYTES]
    small = sorted({*archives} - {*large})
    for archive in large:
        _zstd(level, "--rm", "--", str(archive))
    with ThreadPoolExecutor(_PROCESSES) as pool:
        shares = [small[number::_PROCESSES] for number in range(_PROCESSES)]
        running = [
            pool.submit(_zstd, level, "--rm", "--", *map(str, share)) for share in shares if share
        ]
    for share in running:
        share.result()


def compress_copy(file: Path, copy: Path, *, level: int) -> None:
    """Compress a file into another, and keep it.

    Raises:
        TaskError: zstd failed.
    """
    _zstd(level, "-o", str(copy), "--", str(file))


def _zstd(level: int, *arguments: str) -> None:
    try:
        subprocess.run(  # noqa: S603
            ["zstd", "--quiet", f"-{level}", "--threads=2", *arguments],  # noqa: S607
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip()
        raise TaskError(f"zstd failed: {said}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TaskError(f"zstd could not be run: {error}") from error


def zip_file(tree: Path, paths: Sequence[str], archive: Path, *, folder: str) -> None:
    """Pack files of a tree, in the given order, below one folder."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as packed:
        for path in paths:
            entry = zipfile.ZipInfo(f"{folder}/{path}", _ZIP_EPOCH)
            entry.create_system = 3  # Unix, for the mode below
            entry.compress_type = zipfile.ZIP_DEFLATED
            mode = (tree / path).lstat().st_mode
            if stat.S_ISLNK(mode):
                entry.external_attr = (stat.S_IFLNK | 0o777) << 16
                packed.writestr(entry, os.fsencode((tree / path).readlink()))
            else:
                entry.external_attr = (stat.S_IFREG | _mode(mode)) << 16
                packed.writestr(entry, (tree / path).read_bytes())


def _mode(mode: int) -> int:
    return 0o755 if mode & 0o111 else 0o644
