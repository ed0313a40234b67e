"""How often keymaps of a keyboard were compiled, by day, in Redis. Nothing about who asked."""

import functools
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import cast

from redis.asyncio import Redis

from qmk_api.adapters.redis_link import RedisAway, RedisLink
from qmk_api.memory import Clock, Memory
from qmk_api.single_flight import SingleFlight

DAYS_MAX = 31
PREFIX = "qmk-compile:compiles:"
#: How old an answer may be: adding up a month reads as many lists.
REMEMBERED_SECONDS = 10


class RedisUsageCounts:
    """Counts by keyboard and by day in UTC, kept for DAYS_MAX days. Lost with Redis."""

    def __init__(self, link: RedisLink, clock: Clock, now: Callable[[], float]) -> None:
        self._link = link
        self._now = now
        self._sums: Memory[Mapping[str, int]] = Memory(
            clock, entries_max=DAYS_MAX, ttl_seconds=REMEMBERED_SECONDS
        )
        self._adding: SingleFlight[Mapping[str, int]] = SingleFlight()

    async def count(self, keyboard: str) -> None:
        key = self._keys(1)[0]

        async def add(redis: Redis) -> None:
            async with redis.pipeline(transaction=False) as calls:
                calls.hincrby(key, keyboard, 1)
                calls.expire(key, timedelta(days=DAYS_MAX + 1))
                await calls.execute()

        try:
            await self._link.call(add)
        except RedisAway:
            return

    async def keyboards(self, days: int) -> Mapping[str, int]:
        known = self._sums.get(str(days))
        if known is not None:
            return known
        return await self._adding.do(str(days), lambda: self._sum(days))

    async def _sum(self, days: int) -> Mapping[str, int]:
        found: dict[str, int] = {}
        for key in self._keys(days):
            try:
                counts = await self._link.call(functools.partial(_counts, key))
            except RedisAway:
                return {}
            for keyboard, count in counts.items():
                name = keyboard.decode()
                found[name] = found.get(name, 0) + int(count)
        self._sums.put(str(days), found)
        return found

    def _keys(self, days: int) -> list[str]:
        today = datetime.fromtimestamp(self._now(), UTC).date()
        return [f"{PREFIX}{today - timedelta(days=back)}" for back in range(days)]


async def _counts(key: str, redis: Redis) -> Mapping[bytes, bytes]:
    # The types tell of clients that decode; ours does not.
    return cast("Mapping[bytes, bytes]", await redis.hgetall(key))
