"""How much memory a process takes while something happens to it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

INTERVAL_SECONDS = 0.02


@dataclass
class Peak:
    """Resident bytes before, and at the most."""

    before: int
    most: int

    @property
    def extra(self) -> int:
        return self.most - self.before


@contextmanager
def watched(resident: Callable[[], int]) -> Iterator[Peak]:
    """Look every 20 ms until the block ends."""
    peak = Peak(resident(), resident())
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(INTERVAL_SECONDS):
            peak.most = max(peak.most, resident())

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()
