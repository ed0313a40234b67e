"""Work by key: one worker per key at a time, back-off with jitter for keys that fail."""

import asyncio
import heapq
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """How the work on a key ended: look again after so many seconds, or after a back-off."""

    requeue_seconds: float | None = None
    failed: bool = False


@dataclass(frozen=True)
class Backoff:
    """Seconds to wait after the nth failure in a row: doubling, at random within its half."""

    first_seconds: float = 0.5
    limit_seconds: float = 15.0

    def seconds(self, failures: int, random: float) -> float:
        """``failures`` counts from 1; ``random`` is at least 0 and below 1."""
        full: float = min(self.limit_seconds, self.first_seconds * 2 ** min(failures - 1, 16))
        return full * (0.5 + random / 2)


class Backlog:
    """Which key is due when. Times are seconds of any one clock; no clock of its own."""

    def __init__(self) -> None:
        self._due: dict[str, float] = {}
        self._heap: list[tuple[float, str]] = []
        self._taken: set[str] = set()

    def __len__(self) -> int:
        return len(self._due)

    def add(self, key: str, at: float) -> None:
        """Make a key due at a time; the earlier of two times holds."""
        if key in self._due and self._due[key] <= at:
            return
        self._due[key] = at
        if key not in self._taken:
            heapq.heappush(self._heap, (at, key))

    def take(self, now: float) -> str | None:
        """The next key that is due and not taken; it stays taken until ``give_back``."""
        while self._heap and self._heap[0][0] <= now:
            at, key = heapq.heappop(self._heap)
            if self._due.get(key) == at and key not in self._taken:
                del self._due[key]
                self._taken.add(key)
                return key
        return None

    def give_back(self, key: str) -> None:
        """Make a taken key takable again."""
        self._taken.discard(key)
        if key in self._due:
            heapq.heappush(self._heap, (self._due[key], key))

    def next_due(self) -> float | None:
        """When the next untaken key is due (it may have been put off since)."""
        return self._heap[0][0] if self._heap else None


class WorkQueue:
    """Runs ``handle(key)`` for keys that are due, in at most so many workers at a time."""

    def __init__(
        self,
        handle: Callable[[str], Awaitable[Outcome]],
        workers: int,
        clock: Callable[[], float],
        random: Callable[[], float],
        backoff: Backoff | None = None,
    ) -> None:
        self._handle = handle
        self._workers = workers
        self._clock = clock
        self._random = random
        self._backoff = backoff or Backoff()
        self._backlog = Backlog()
        self._failures: dict[str, int] = {}
        self._tasks: set[asyncio.Task[Outcome]] = set()
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._backlog)

    def add(self, key: str, after_seconds: float = 0.0) -> None:
        """Ask for work on a key, now or later; many asks become one."""
        self._backlog.add(key, self._clock() + after_seconds)
        self._changed.set()

    async def run(self) -> None:
        """Work until cancelled; work that has begun is then finished first."""
        try:
            while True:
                self._start_due()
                self._changed.clear()
                await self._wait()
        finally:
            if self._tasks:
                await asyncio.wait(self._tasks)

    def _start_due(self) -> None:
        while len(self._tasks) < self._workers:
            key = self._backlog.take(self._clock())
            if key is None:
                return
            task = asyncio.ensure_future(self._handle(key))
            self._tasks.add(task)
            task.add_done_callback(partial(self._done, key))

    async def _wait(self) -> None:
        due = self._backlog.next_due()
        full = len(self._tasks) >= self._workers
        seconds = None if due is None or full else max(0.0, due - self._clock())
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return

    def _done(self, key: str, task: "asyncio.Task[Outcome]") -> None:
        self._tasks.discard(task)
        if task.cancelled():
            outcome = Outcome(failed=True)
        elif (error := task.exception()) is not None:
            logger.error("Work on %s failed unexpectedly", key, exc_info=error)
            outcome = Outcome(failed=True)
        else:
            outcome = task.result()
        if outcome.failed:
            self._failures[key] = self._failures.get(key, 0) + 1
            delay = self._backoff.seconds(self._failures[key], self._random())
            self._backlog.add(key, self._clock() + delay)
        else:
            self._failures.pop(key, None)
            if outcome.requeue_seconds is not None:
                self._backlog.add(key, self._clock() + outcome.requeue_seconds)
        self._backlog.give_back(key)
        self._changed.set()
