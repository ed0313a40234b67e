"""Times of a build's steps."""

import time
from collections.abc import Callable


class Stopwatch:
    """Milliseconds by step; a step lasts from the lap before it to its own."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._mark = clock()
        self.times: dict[str, int] = {}

    def lap(self, step: str) -> None:
        """End a step; one that is named again grows."""
        now = self._clock()
        self.times[step] = self.times.get(step, 0) + round(1000 * (now - self._mark))
        self._mark = now
