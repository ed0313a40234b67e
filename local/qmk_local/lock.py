"""One command at a time changes the cluster."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from qmk_local.errors import LocalError
from qmk_local.progress import Progress

WAIT_SECONDS = 1800.0  # a cold build of all programs and images on a slow machine


@contextmanager
def exclusive(
    path: Path, who: str, progress: Progress, wait_s: float = WAIT_SECONDS
) -> Iterator[None]:
    """Hold the lock file while the body runs; the kernel frees it however the process ends.

    `who` is what others are told while they wait. Raises `LocalError` after `wait_s`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _acquire(path, progress, wait_s)
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{who} (process {os.getpid()})".encode(), 0)
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def _acquire(path: Path, progress: Progress, wait_s: float) -> int:
    deadline = time.monotonic() + wait_s
    told = False
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 1000, 0).decode(errors="replace") or "another command"
            os.close(descriptor)
            if time.monotonic() > deadline:
                raise LocalError(
                    f"{holder} has been at work for {wait_s / 60:.0f} min; "
                    "wait for it or end it, then try again."
                ) from None
            if not told:
                progress.note(f"Waiting for {holder} to finish.")
                told = True
            time.sleep(0.2)
            continue
        if _is_current(path, descriptor):
            return descriptor
        os.close(descriptor)  # its holder removed the file: take the new one


def _is_current(path: Path, descriptor: int) -> bool:
    try:
        return path.stat().st_ino == os.fstat(descriptor).st_ino
    except FileNotFoundError:
        return False
