"""When Redis counts as away: not for one call that takes long, at once for a lost connection."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import ResponseError

from qmk_api.adapters.redis_link import FAILURES_MAX, RedisAway, RedisLink
from qmk_api.settings import RedisSettings

Ask = Callable[[Redis], Awaitable[str]]


@pytest.fixture
def link() -> RedisLink:
    """Nothing listens there: what is asked are functions of these tests."""
    return RedisLink(RedisSettings("127.0.0.1", 1))


async def quick(_: Redis) -> str:
    return "answer"


async def slow(_: Redis) -> str:
    await asyncio.Event().wait()
    return "never"


async def refused(_: Redis) -> str:
    raise ResponseError("OOM command not allowed")


async def lost(_: Redis) -> str:
    raise NoConnection("Connection refused")


async def reset(_: Redis) -> str:
    raise ConnectionResetError


async def test_one_slow_caller_does_without_it_alone(link: RedisLink) -> None:
    for _ in range(2 * FAILURES_MAX):
        with pytest.raises(RedisAway):
            await link.call(slow)
        assert await link.call(quick) == "answer"


async def test_callers_that_are_slow_together_are_one_failure(link: RedisLink) -> None:
    calls = (link.call(slow) for _ in range(10 * FAILURES_MAX))
    ended = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(end, RedisAway) for end in ended)
    assert await link.call(quick) == "answer"


@pytest.mark.parametrize("fails", [slow, refused])
async def test_failures_in_a_row_open_the_breaker(link: RedisLink, fails: Ask) -> None:
    for _ in range(FAILURES_MAX):
        with pytest.raises(RedisAway):
            await link.call(fails)
    with pytest.raises(RedisAway):
        await link.call(quick)


@pytest.mark.parametrize("fails", [lost, reset])
async def test_a_lost_connection_opens_it_at_once(link: RedisLink, fails: Ask) -> None:
    with pytest.raises(RedisAway):
        await link.call(fails)
    with pytest.raises(RedisAway):
        await link.call(quick)
    assert not await link.check()
