"""Readers of one large reply: how soon its first byte comes, and many slow ones at once."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

CHUNK_BYTES = 64 << 10


@dataclass(frozen=True)
class Read:
    """Seconds until the first byte of the body, and the body's bytes as they were sent."""

    first_byte: float
    size: int


def read(http: httpx.Client, path: str, headers: Mapping[str, str]) -> Read:
    """Read a reply as fast as it comes."""
    started = time.monotonic()
    with http.stream("GET", path, headers=headers) as reply:
        reply.raise_for_status()
        pieces = reply.iter_raw()
        size = len(next(pieces))
        first_byte = time.monotonic() - started
        size += sum(map(len, pieces))
    return Read(first_byte, size)


def read_slowly(
    url: str, headers: Mapping[str, str], readers: int, bytes_per_second: int
) -> list[Read]:
    """``readers`` at once, none of whom takes more than that much."""

    async def one(http: httpx.AsyncClient) -> Read:
        started = time.monotonic()
        first_byte, size = 0.0, 0
        async with http.stream("GET", url, headers=headers) as reply:
            reply.raise_for_status()
            async for piece in reply.aiter_raw(CHUNK_BYTES):
                first_byte = first_byte or time.monotonic() - started
                size += len(piece)
                due = started + size / bytes_per_second
                await asyncio.sleep(max(0, due - time.monotonic()))
        return Read(first_byte, size)

    async def all_of_them() -> list[Read]:
        limits = httpx.Limits(max_connections=readers)
        async with httpx.AsyncClient(timeout=60, trust_env=False, limits=limits) as http:
            return await asyncio.gather(*(one(http) for _ in range(readers)))

    return asyncio.run(all_of_them())
