"""Archives that are the same bytes for the same files, whoever makes them, whenever.

Names in sorted order, one time, one owner, and of a file's mode only whether it can be run.
"""

import os
import stat
import subprocess
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from qmk_tasks.errors import TaskError

#: 1980-01-01, the first day that a zip archive knows.
EPOCH = 315_532_800
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)
_TIMEOUT_SECONDS = 900


def files(tree: Path) -> Iterator[str]:
    """Paths of all plain files and links below a folder, relative to it; .git is not entered."""
    for folder, folders, names in os.walk(tree):
        folders[:] = [name for name in folders if name != ".git"]
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        for name in (*names, *links):
            path = Path(folder) / name
            if stat.S_ISREG(mode := path.lstat().st_mode) or stat.S_ISLNK(mode):
                yield str(path.relative_to(tree))


def tar_zst(tree: Path, paths: Sequence[str], archive: Path, *, level: int) -> None:
    """Pack files of a tree, in the given order, with GNU tar and zstd.

    Raises:
        TaskError: one of the two failed.
    """
    archive.parent.mkdir(parents=True, exist_ok=True)
    try:
        subprocess.run(  # noqa: S603
            [
                *("tar", "--create", "--file", str(archive), "--directory", str(tree)),
                *("--use-compress-program", f"zstd --quiet -{level} -T1"),
                *("--format=gnu", "--no-recursion", "--hard-dereference"),
                *("--owner=0", "--group=0", "--numeric-owner", f"--mtime=@{EPOCH}"),
                *("--mode=u=rwX,go=rX", "--null", "--verbatim-files-from", "--files-from=-"),
            ],
            input=b"".join(os.fsencode(path) + b"\0" for path in paths),
            capture_output=True,
            timeout=_TIMEOUT_SECONDS,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip()
        raise TaskError(f"{archive.name} could not be packed: {said}") from error
    except subprocess.TimeoutExpired as error:
        raise TaskError(f"{archive.name} took too long to pack") from error


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
                executable = 0o755 if mode & 0o111 else 0o644
                entry.external_attr = (stat.S_IFREG | executable) << 16
                packed.writestr(entry, (tree / path).read_bytes())
