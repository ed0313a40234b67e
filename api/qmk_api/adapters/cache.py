"""Redis as a cache of published objects: a copy at best."""

from qmk_api.adapters.redis_link import RedisAway, RedisLink

EXPIRY_SECONDS = 3600
PREFIX = "qmk-compile:object:"


class RedisCache:
    """Copies of published objects, for an hour, where Redis is there."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link

    async def get(self, key: str) -> bytes | None:
        try:
            value = await self._link.call(lambda redis: redis.get(PREFIX + key))
        except RedisAway:
            return None
        return value if isinstance(value, bytes) else None

    async def set(self, key: str, value: bytes) -> None:
        try:
            await self._link.call(lambda redis: redis.set(PREFIX + key, value, ex=EXPIRY_SECONDS))
        except RedisAway:
            return

    async def check(self) -> bool:
        return await self._link.check()

    async def close(self) -> None:
        await self._link.close()
