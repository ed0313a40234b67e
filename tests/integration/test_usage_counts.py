"""Counts of compiles in a real Redis, over days, restarts and outages."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime

import pytest

from qmk_api.adapters.redis_link import RedisLink
from qmk_api.adapters.usage_counts import (
    DAYS_MAX,
    REMEMBERED_SECONDS,
    SETTLED_SECONDS,
    RedisUsageCounts,
)
from qmk_api.settings import RedisSettings
from tests.integration.redis_server import RedisServer, running_redis

DAY = 86_400.0
START = datetime(2026, 11, 24, 23, 59, tzinfo=UTC).timestamp()


class Times:
    """Seconds since 1970 that pass when told."""

    def __init__(self) -> None:
        self.seconds = START

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
async def link(redis: RedisServer) -> AsyncIterator[RedisLink]:
    made = RedisLink(RedisSettings("127.0.0.1", redis.port))
    yield made
    await made.close()


async def test_counts_are_added_up_by_days(link: RedisLink) -> None:
    now = Times()
    counts = RedisUsageCounts(link, now, now)
    for _ in range(3):
        await counts.count("clueboard/66/rev3")
    now.seconds += DAY
    await counts.count("planck/rev6")
    await counts.count("clueboard/66/rev3")
    assert await counts.keyboards(1) == {"planck/rev6": 1, "clueboard/66/rev3": 1}
    assert await counts.keyboards(2) == {"planck/rev6": 1, "clueboard/66/rev3": 4}
    now.seconds += (DAYS_MAX - 1) * DAY
    assert await counts.keyboards(DAYS_MAX) == {"planck/rev6": 1, "clueboard/66/rev3": 1}
    now.seconds += DAY
    assert await counts.keyboards(DAYS_MAX) == {}


async def test_counts_of_all_replicas_are_one_and_expire(
    link: RedisLink, redis: RedisServer
) -> None:
    now = Times()
    one, other = RedisUsageCounts(link, now, now), RedisUsageCounts(link, now, now)
    await one.count("a")
    await other.count("a")
    assert await one.keyboards(1) == {"a": 2}
    (key,) = redis.stored_keys()
    left = await link.call(lambda client: client.ttl(key))
    assert DAYS_MAX * DAY < left <= (DAYS_MAX + 1) * DAY


async def test_days_that_are_over_are_read_once(link: RedisLink, redis: RedisServer) -> None:
    now = Times()
    counts = RedisUsageCounts(link, now, now)
    for days in range(DAYS_MAX):
        for _ in range(days + 1):
            await counts.count("a")
        now.seconds += DAY
    now.seconds -= DAY
    expected = [{"a": sum(range(DAYS_MAX - back, DAYS_MAX + 1))} for back in range(DAYS_MAX)]
    assert await ask_all(counts) == expected
    for _ in range(2):
        now.seconds += REMEMBERED_SECONDS
        before = redis.calls("hgetall")
        assert await ask_all(counts) == expected
        assert redis.calls("hgetall") == before + 1


async def ask_all(counts: RedisUsageCounts) -> list[Mapping[str, int]]:
    """What is counted for each number of days, asked for at once."""
    return await asyncio.gather(*(counts.keyboards(days) for days in range(1, DAYS_MAX + 1)))


async def test_a_day_is_over_a_moment_after_its_end(link: RedisLink) -> None:
    now, late = Times(), Times()
    counts, other = RedisUsageCounts(link, now, now), RedisUsageCounts(link, late, late)
    now.seconds += 65
    assert await counts.keyboards(2) == {}
    await other.count("a")
    now.seconds += REMEMBERED_SECONDS
    assert await counts.keyboards(1) == {}
    assert await counts.keyboards(2) == {"a": 1}
    now.seconds += SETTLED_SECONDS
    assert await counts.keyboards(2) == {"a": 1}


async def test_answer_is_remembered_for_a_moment(link: RedisLink) -> None:
    now = Times()
    counts = RedisUsageCounts(link, now, now)
    assert await counts.keyboards(1) == {}
    await counts.count("a")
    assert await counts.keyboards(1) == {}
    now.seconds += REMEMBERED_SECONDS
    assert await counts.keyboards(1) == {"a": 1}


async def test_redis_outage_counts_nothing_and_harms_nobody(
    link: RedisLink, redis: RedisServer
) -> None:
    now = Times()
    counts = RedisUsageCounts(link, now, now)
    await counts.count("a")
    redis.stop()
    await counts.count("a")
    assert await counts.keyboards(1) == {}
    redis.start()
    assert await link.check()
    await counts.count("a")
    assert await counts.keyboards(1) == {"a": 1}  # what Redis held went with it


async def test_without_redis_nothing_is_counted() -> None:
    now = Times()
    counts = RedisUsageCounts(RedisLink(None), now, now)
    await counts.count("a")
    assert await counts.keyboards(DAYS_MAX) == {}
