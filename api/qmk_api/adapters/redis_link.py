"""Redis behind a circuit breaker: shared by all replicas, never waited for when it is away."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import RedisError

from qmk_api.settings import RedisSettings

CALL_SECONDS = 0.15
#: Calls in a row that must fail before Redis counts as away. A single one may be the fault of its
#: caller, or of a process that is busy otherwise.
FAILURES_MAX = 3
V = TypeVar("V")
log = logging.getLogger(__name__)


class RedisAway(Exception):
    """Redis does not answer, or none is configured: the caller does without it."""


class RedisLink:
    """The process's one way to Redis.

    A connection that fails, or FAILURES_MAX calls in a row that do, open the breaker, and calls
    then cost nothing; only ``check``, which no request waits for, tries Redis again and closes it.
    Without settings it is always open.
    """

    def __init__(self, settings: RedisSettings | None) -> None:
        self._redis = None if settings is None else _client(settings)
        self._in_use = True
        self._failures = 0

    @property
    def pool(self) -> ConnectionPool | None:
        """The connections, for a library that makes its own calls (within ``call``)."""
        return None if self._redis is None else self._redis.connection_pool

    async def call(self, ask: Callable[[Redis], Awaitable[V]]) -> V:
        """What Redis answers within CALL_SECONDS; raises RedisAway."""
        if self._redis is None or not self._in_use:
            raise RedisAway
        return await self._ask(self._redis, ask)

    async def check(self) -> bool:
        """Whether Redis is in use, after trying it again if it was not."""
        if self._redis is None:
            return False
        try:
            await self._ask(self._redis, lambda redis: redis.ping())
        except RedisAway:
            return self._in_use
        self._in_use = True
        return True

    async def close(self) -> None:
        if self._redis is not None:
            await self._redis.aclose()

    async def _ask(self, redis: Redis, ask: Callable[[Redis], Awaitable[V]]) -> V:
        failures = self._failures
        try:
            async with asyncio.timeout(CALL_SECONDS):
                answer = await ask(redis)
        except (RedisError, OSError) as error:
            if failures == self._failures:  # calls that fail together are one failure
                self._failures += 1
            lost = isinstance(error, NoConnection | OSError) and not isinstance(error, TimeoutError)
            if lost or self._failures >= FAILURES_MAX:
                self._open(error)
            raise RedisAway from error
        self._failures = 0
        return answer

    def _open(self, error: Exception) -> None:
        if self._in_use:
            log.warning("Redis is away, doing without it: %r", error)
        self._in_use = False


def _client(settings: RedisSettings) -> Redis:
    return Redis(
        host=settings.host,
        port=settings.port,
        password=settings.password,
        socket_timeout=CALL_SECONDS,
        socket_connect_timeout=CALL_SECONDS,
        retry=Retry(NoBackoff(), 0),
        protocol=2,
    )
