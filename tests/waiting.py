"""Waiting for something that is named, with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class NotInTime(AssertionError):
    """What was waited for did not come; the text says what, how long, and what was seen last."""


def wait_for(
    what: str, probe: Callable[[], T | None], *, seconds: float, interval: float = 0.1
) -> T:
    """Call `probe` until it returns something true, and return that.

    Raises:
        NotInTime: the deadline passed; `probe` exceptions of the last try are chained.
    """
    deadline = time.monotonic() + seconds
    last: object = None
    while True:
        try:
            last = probe()
            problem: Exception | None = None
        except (OSError, ValueError, LookupError) as error:
            problem = error
        if problem is None and last:
            return last  # type: ignore[return-value]
        if time.monotonic() > deadline:
            seen = problem if problem is not None else last
            raise NotInTime(f"{what} did not come within {seconds:g} s; last: {seen!r}")
        time.sleep(interval)
