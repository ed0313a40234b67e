"""Room for the bodies of requests: what one process holds and works on at once."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from qmk_api.ports import Unavailable

#: Bytes of all bodies together: an eighth of the memory that the chart gives a pod.
BYTES_MAX = 64 << 20
#: A body up to this size is worked on at once: above, that would hold up every other request.
SMALL_BYTES_MAX = 16 * 1024
#: Large bodies that are worked on at a time. Parsed, one takes up to thirty times its bytes, and
#: more threads would be no faster.
LARGE_WORKS_MAX = 2
T = TypeVar("T")


class NoRoom(Unavailable):
    """Other bodies take all the room that there is."""

    def __init__(self) -> None:
        super().__init__("too many bodies are being received, try again shortly")


class BodyRoom:
    """Counts the bytes of bodies from their arrival until they were worked on.

    The last quarter is for small ones, so that a few large ones, which come slowly, or from
    nobody who means well, leave room for keymaps.
    """

    def __init__(self, bytes_max: int = BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._held = 0
        self._works = asyncio.Semaphore(LARGE_WORKS_MAX)

    def take(self, count: int, whole: int) -> None:
        """Take room for ``count`` more bytes of a body that has then ``whole``.

        Raises:
            NoRoom: nothing was taken.
        """
        bound = self._bytes_max if whole <= SMALL_BYTES_MAX else self._bytes_max * 3 // 4
        if self._held + count > bound:
            raise NoRoom
        self._held += count

    def give_back(self, count: int) -> None:
        self._held -= count

    async def work(self, raw: bytes, work: Callable[[bytes], T]) -> T:
        """What ``work`` makes of a body: in a thread, and in turn, where that is large."""
        if len(raw) <= SMALL_BYTES_MAX:
            return work(raw)
        async with self._works:
            return await asyncio.to_thread(work, raw)
