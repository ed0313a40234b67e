"""Times of a build's steps."""

import time
from collections.abc import Callable, Mapping


class Stopwatch:
    """Milliseconds by step; a step lasts from the lap before it to its own.

    The first has begun ``elapsed_seconds`` ago.
    """

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, *, elapsed_seconds: float = 0.0
    ) -> None:
        self._clock = clock
        self._mark = clock() - max(0.0, elapsed_seconds)
        self.times: dict[str, int] = {}

    def lap(self, step: str) -> None:
        """End a step; one that is named again grows."""
        self._add(step, self._since_mark())

    def split(self, parts: Mapping[str, int], rest: str) -> None:
        """End several steps that somebody else timed; what they leave of the time is ``rest``'s.

        Parts that are more than the whole are nobody's times: then all of it is ``rest``'s.
        """
        whole = self._since_mark()
        if sum(parts.values()) > whole:
            parts = {}
        for step, milliseconds in parts.items():
            self._add(step, milliseconds)
        self._add(rest, whole - sum(parts.values()))

    def _since_mark(self) -> int:
        now = self._clock()
        milliseconds = round(1000 * (now - self._mark))
        self._mark = now
        return milliseconds

    def _add(self, step: str, milliseconds: int) -> None:
        self.times[step] = self.times.get(step, 0) + milliseconds
