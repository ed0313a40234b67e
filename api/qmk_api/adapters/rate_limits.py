"""How often each client asks: counted in Redis for all replicas, else by each process alone."""

import time

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, RedisStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from qmk_api.adapters.redis_link import RedisAway, RedisLink
from qmk_api.compiling.fair_use import Kind, over_rate
from qmk_api.settings import LimitSettings
from qmk_contract.compile_job import ANONYMOUS

PREFIX = "qmk-compile:rate"
#: Above this many counters the process forgets all of its own: each request looks at every one.
COUNTERS_MAX = 10_000
NO_LIMIT = "0"


class RateLimits:
    """The rates of fair use. No request fails or waits because Redis is away."""

    def __init__(self, settings: LimitSettings, link: RedisLink) -> None:
        rates = {Kind.COMPILE: settings.compile_rate, Kind.CONVERTER: settings.converter_rate}
        self._rates = {kind: rate for kind, rate in rates.items() if rate != NO_LIMIT}
        self._items = {kind: parse(rate) for kind, rate in self._rates.items()}
        self._link = link
        self._memory = MemoryStorage()
        self._own = SlidingWindowCounterRateLimiter(self._memory)
        self._shared = _shared(link)

    async def check(self, kind: Kind, client: str) -> None:
        """Count a request of a client; one that cannot be told from others is not counted.

        Raises:
            TooManyRequests: it is above the kind's rate.
        """
        item = self._items.get(kind)
        if item is None or client == ANONYMOUS:
            return
        seconds = await self._seconds_to_wait(item, kind, client)
        if seconds is not None:
            raise over_rate(kind, self._rates[kind], seconds)

    async def _seconds_to_wait(self, item: RateLimitItem, *names: str) -> float | None:
        shared = self._shared
        if shared is not None:
            try:
                return await self._link.call(lambda _: _hit(shared, item, *names))
            except RedisAway:
                pass
        if len(self._memory.storage) > COUNTERS_MAX:
            await self._memory.reset()
        return await _hit(self._own, item, *names)


def _shared(link: RedisLink) -> SlidingWindowCounterRateLimiter | None:
    if link.pool is None:
        return None
    storage = RedisStorage(
        "async+redis://",
        implementation="redispy",
        key_prefix=PREFIX,
        connection_pool=link.pool,  # type: ignore[arg-type] # annotated without it, but passed on
    )
    return SlidingWindowCounterRateLimiter(storage)


async def _hit(
    limiter: SlidingWindowCounterRateLimiter, item: RateLimitItem, *names: str
) -> float | None:
    """None where the request is within the rate, else seconds until one would be."""
    if await limiter.hit(item, *names):
        return None
    window = await limiter.get_window_stats(item, *names)
    return window.reset_time - time.time()
