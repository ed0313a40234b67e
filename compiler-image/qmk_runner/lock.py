"""The lock that says that ``build`` lives: the kernel lets go of it however ``build`` ends."""

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Never

NAME = "build.lock"
_POLL_SECONDS = 0.005


class NeverHeldError(Exception):
    """``build`` did not take the lock, or did not let go of it, in time."""


def hold(folder: Path) -> int:
    """Take the lock until this process ends.

    It appears under its name only when it is held: whoever finds it may wait for it at once.
    The descriptor is not inherited, so that no process left behind keeps it.
    """
    temporary = folder / f".{NAME}.{os.getpid()}"
    descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    temporary.replace(folder / NAME)
    return descriptor


def wait_for_release(folder: Path, *, start_seconds: float, held_seconds: float) -> None:
    """Return as soon as the holder has ended. Only in the main thread: it uses SIGALRM.

    Raises:
        NeverHeldError: the lock did not appear, or was not released, in time.
    """
    descriptor = _open(folder / NAME, time.monotonic() + start_seconds)
    try:
        with _alarm(held_seconds):
            fcntl.flock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _open(path: Path, deadline: float) -> int:
    # The file is there within milliseconds of the other container's start.
    while True:
        try:
            return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            if time.monotonic() > deadline:
                raise NeverHeldError("The build did not start.") from None
        except OSError as error:
            raise NeverHeldError("The build's lock is not a plain file.") from error
        time.sleep(_POLL_SECONDS)


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    previous = signal.signal(signal.SIGALRM, _too_late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def _too_late(_signal: int, _frame: object) -> Never:
    raise NeverHeldError("The build did not end in time.")
