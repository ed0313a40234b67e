"""Files that a firmware tree's own code may have made: read to a bound, through no link."""

import os
from pathlib import Path

from qmk_tasks.errors import TaskError


def read_plain_file(path: Path, bytes_max: int) -> bytes:
    """At most so many bytes of a file; a link is not followed.

    Raises:
        TaskError: it cannot be read.
    """
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            return file.read(bytes_max)
    except OSError as error:
        raise TaskError(f"{path.name} cannot be read: {error.strerror}") from error
