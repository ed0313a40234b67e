"""Files in folders that a stranger's code could write: never through a link, never without end."""

import os
import stat
from pathlib import Path


class NotRegularError(Exception):
    """What stands there is no plain file of the size it may have."""


def read(path: Path, *, size_max: int) -> bytes:
    """Read a plain file of at most ``size_max`` bytes.

    Raises:
        FileNotFoundError: nothing is there.
        NotRegularError: a link, a device, a pipe or a folder is there, or the file is too large.
    """
    try:
        # Without O_NONBLOCK, opening a pipe would wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise NotRegularError(f"{path.name} is not a plain file") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotRegularError(f"{path.name} is not a plain file")
    with os.fdopen(descriptor, "rb") as file:
        data = file.read(size_max + 1)
    if len(data) > size_max:
        raise NotRegularError(f"{path.name} is larger than {size_max} bytes")
    return data


def read_below(root: Path, path: str, *, size_max: int) -> bytes:
    """Read a plain file below ``root``; no folder on the way may be a link either.

    Only for when nothing runs any more that could change a folder meanwhile.

    Raises:
        FileNotFoundError, NotRegularError: as ``read``.
    """
    place = root.resolve() / path
    try:
        reached = place.parent.resolve()
    except (OSError, RuntimeError) as error:  # Python 3.11 says so of links that lead in a circle
        raise NotRegularError(f"{path} is reached by no folder") from error
    if reached != place.parent:
        raise NotRegularError(f"{path} is reached by a link")
    return read(place, size_max=size_max)


def replace(path: Path, data: bytes) -> None:
    """Put a new file in place at once, whatever stood there."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(temporary, flags, 0o644), "wb") as file:
        file.write(data)
    temporary.replace(path)
