"""Values by key, of which those used last are kept."""

from collections import OrderedDict
from typing import TypeVar

T = TypeVar("T")


class Cache(OrderedDict[str, T]):
    """At most ``size`` values."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size

    def find(self, key: str) -> T | None:
        if key in self:
            self.move_to_end(key)
        return self.get(key)

    def keep(self, key: str, value: T | None) -> T | None:
        """Remember a value, unless it is None; returns it."""
        if value is not None:
            self[key] = value
            while len(self) > self._size:
                self.popitem(last=False)
        return value
