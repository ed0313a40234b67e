"""How often keymaps of a keyboard were compiled, by day, in Redis. Nothing about who asked."""

import asyncio
import functools
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import cast

from redis.asyncio import Redis

from qmk_api.adapters.redis_link import RedisAway, RedisLink
from qmk_api.memory import Clock, Memory

DAYS_MAX = 31
PREFIX = "qmk-compile:compiles:"
#: How old the counts of a day may be that goes on.
REMEMBERED_SECONDS = 10
#: For so long after a day's end it may still be counted for: other replicas have other clocks.
SETTLED_SECONDS = 60
Counts = Mapping[str, int]


class RedisUsageCounts:
    """Counts by keyboard and by day in UTC, kept for DAYS_MAX days. Lost with Redis.

    Days that are over are read once.
    """

    def __init__(self, link: RedisLink, clock: Clock, now: Callable[[], float]) -> None:
        self._link = link
        self._now = now
        self._recent: Memory[Counts] = Memory(clock, entries_max=2, ttl_seconds=REMEMBERED_SECONDS)
        # Sums over the days before ``_end``: by index over none, the last one, the last two, …
        self._past: list[Counts] = [{}]
        self._end = date.min
        # One question at a time, so that those at once share reads, and adding up for all of them
        # does not hold up the process in one go.
        self._turns = asyncio.Lock()

    async def count(self, keyboard: str) -> None:
        key = _key(_day(self._now()))

        async def add(redis: Redis) -> None:
            async with redis.pipeline(transaction=False) as calls:
                calls.hincrby(key, keyboard, 1)
                calls.expire(key, timedelta(days=DAYS_MAX + 1))
                await calls.execute()

        try:
            await self._link.call(add)
        except RedisAway:
            return

    async def keyboards(self, days: int) -> Counts:
        today = _day(self._now())
        first = today - timedelta(days=days - 1)
        settled = _day(self._now() - SETTLED_SECONDS)
        async with self._turns:
            await asyncio.sleep(0)  # where nothing has to be read, too
            try:
                found = await self._sum_of_past(first, settled)
                for day in sorted({settled, today}):
                    if day >= first:
                        found = _sum(found, await self._recently(day))
            except RedisAway:
                return {}
        return found

    async def _sum_of_past(self, first: date, end: date) -> Counts:
        if self._end != end:
            self._end, self._past = end, [{}]
        days = max(0, (end - first).days)
        while len(self._past) <= days:
            counts = await self._read(end - timedelta(days=len(self._past)))
            self._past.append(_sum(self._past[-1], counts))
        return self._past[days]

    async def _recently(self, day: date) -> Counts:
        known = self._recent.get(str(day))
        if known is None:
            known = await self._read(day)
            self._recent.put(str(day), known)
        return known

    async def _read(self, day: date) -> Counts:
        return await self._link.call(functools.partial(_counts, _key(day)))


def _sum(one: Counts, other: Counts) -> Counts:
    found = dict(one)
    for keyboard, count in other.items():
        found[keyboard] = found.get(keyboard, 0) + count
    return found


def _day(seconds: float) -> date:
    return datetime.fromtimestamp(seconds, UTC).date()


def _key(day: date) -> str:
    return f"{PREFIX}{day}"


async def _counts(key: str, redis: Redis) -> Counts:
    # The types tell of clients that decode; ours does not.
    stored = cast("Mapping[bytes, bytes]", await redis.hgetall(key))
    return {keyboard.decode(): int(count) for keyboard, count in stored.items()}
