"""Redis as a cache of published objects: a copy at best, never waited for when it is away."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from qmk_api.settings import RedisSettings

CALL_SECONDS = 0.15
EXPIRY_SECONDS = 3600
PREFIX = "qmk-compile:object:"
log = logging.getLogger(__name__)


class RedisCache:
    """A cache behind a circuit breaker.

    The first call that fails opens it, and calls then cost nothing; only ``check``, which no
    request waits for, tries Redis again and closes it.
    """

    def __init__(self, settings: RedisSettings) -> None:
        self._redis = Redis(
            host=settings.host,
            port=settings.port,
            password=settings.password,
            socket_timeout=CALL_SECONDS,
            socket_connect_timeout=CALL_SECONDS,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
        )
        self._in_use = True

    async def get(self, key: str) -> bytes | None:
        value = await self._try(lambda: self._redis.get(PREFIX + key))
        return value if isinstance(value, bytes) else None

    async def set(self, key: str, value: bytes) -> None:
        await self._try(lambda: self._redis.set(PREFIX + key, value, ex=EXPIRY_SECONDS))

    async def check(self) -> bool:
        self._in_use = await self._call(self._redis.ping) is not None
        return self._in_use

    async def close(self) -> None:
        await self._redis.aclose()

    async def _try(self, call: Callable[[], Awaitable[Any]]) -> Any:
        return await self._call(call) if self._in_use else None

    async def _call(self, call: Callable[[], Awaitable[Any]]) -> Any:
        try:
            async with asyncio.timeout(CALL_SECONDS):
                return await call()
        except (RedisError, OSError) as error:
            if self._in_use:
                log.warning("Redis is away, doing without it: %s", error)
            self._in_use = False
            return None


class NoCache:
    """Where no Redis is configured."""

    async def get(self, key: str) -> bytes | None:
        return None

    async def set(self, key: str, value: bytes) -> None:
        return None

    async def check(self) -> bool:
        return False

    async def close(self) -> None:
        return None
