"""Deliveries of webhooks that were handled already: remembered, so that none is handled twice.

In the process, and in Redis for all replicas and for the next start. A name is first taken for as
long as handling may last, so that a delivery whose handling was cut off can be made again.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis

from qmk_api.adapters.redis_link import RedisAway, RedisLink
from qmk_api.memory import Clock, Memory
from qmk_api.ports import Repeated

PREFIX = "qmk-compile:delivery:"
#: GitHub makes a delivery again on request for this long.
REMEMBERED_SECONDS = 3 * 24 * 3600
#: Above all that handling one may take.
HANDLING_SECONDS = 60
ENTRIES_MAX = 10_000


class RedisDeliveries:
    """Lets each delivery be handled once. Works without Redis, for this process alone."""

    def __init__(self, link: RedisLink, clock: Clock) -> None:
        self._link = link
        self._own: Memory[bool] = Memory(
            clock, entries_max=ENTRIES_MAX, ttl_seconds=REMEMBERED_SECONDS
        )

    @asynccontextmanager
    async def handling(self, *names: str) -> AsyncIterator[None]:
        """Around the handling of a delivery, known by any of its names; forgets it if that fails.

        Raises:
            Repeated
        """
        await self._take(names)
        try:
            yield
        except BaseException:
            self._drop(names)
            await self._tell(lambda redis: redis.delete(*_keys(names)))
            raise
        await self._tell(lambda redis: _keep(redis, names))

    async def _take(self, names: tuple[str, ...]) -> None:
        if any(self._own.get(name) for name in names):
            raise Repeated
        for name in names:
            self._own.put(name, True)
        try:
            taken = await self._link.call(lambda redis: _set(redis, names))
        except RedisAway:
            return
        if not taken:
            # Who has it may yet fail, and only forgets it in Redis.
            self._drop(names)
            raise Repeated

    def _drop(self, names: tuple[str, ...]) -> None:
        for name in names:
            self._own.drop(name)

    async def _tell(self, what: Callable[[Redis], Awaitable[Any]]) -> None:
        try:
            await self._link.call(what)
        except RedisAway:
            return


async def _set(redis: Redis, names: tuple[str, ...]) -> bool:
    async with redis.pipeline() as calls:
        for key in _keys(names):
            calls.set(key, 1, nx=True, ex=HANDLING_SECONDS)
        return all(await calls.execute())


async def _keep(redis: Redis, names: tuple[str, ...]) -> None:
    async with redis.pipeline() as calls:
        for key in _keys(names):
            calls.set(key, 1, ex=REMEMBERED_SECONDS)
        await calls.execute()


def _keys(names: tuple[str, ...]) -> list[str]:
    return [PREFIX + name for name in names]
