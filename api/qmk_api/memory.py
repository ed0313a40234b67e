"""What one process remembers: bounded by entries, by cost and by age."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

V = TypeVar("V")
Clock = Callable[[], float]


@dataclass(frozen=True)
class _Entry(Generic[V]):
    value: V
    expires: float
    cost: int


class Memory(Generic[V]):
    """Least recently used out first. ``clock`` is monotonic seconds, ``ttl_seconds`` an age.

    ``cost_max`` bounds the sum of the costs given with the values, in whatever unit those have.
    """

    def __init__(
        self, clock: Clock, *, entries_max: int, ttl_seconds: float, cost_max: int | None = None
    ) -> None:
        self._clock = clock
        self._entries_max = entries_max
        self._ttl_seconds = ttl_seconds
        self._cost_max = cost_max
        self._cost = 0
        self._entries: OrderedDict[str, _Entry[V]] = OrderedDict()

    def get(self, key: str) -> V | None:
        """The value, or None where it is absent or too old."""
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.expires <= self._clock():
            self.drop(key)
            return None
        self._entries.move_to_end(key)
        return entry.value

    def put(self, key: str, value: V, cost: int = 0) -> None:
        self.drop(key)
        self._entries[key] = _Entry(value, self._clock() + self._ttl_seconds, cost)
        self._cost += cost
        while len(self._entries) > self._entries_max or self._too_dear():
            self.drop(next(iter(self._entries)))

    def drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._cost -= entry.cost

    def _too_dear(self) -> bool:
        return self._cost_max is not None and self._cost > self._cost_max
