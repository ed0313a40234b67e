"""Readers of one large reply: how soon its first byte comes, and many slow ones at once."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

CHUNK_BYTES = 64 << 10
CONNECT_SECONDS = 60


@dataclass(frozen=True)
class Read:
    """Seconds until the first byte of the body, and how many bytes the body had as it was sent."""

    first_byte: float
    size: int


def read_in_turn(url: str, headers: Mapping[str, str], times: int) -> Sequence[Read]:
    """Read a reply as fast as it comes, again and again."""

    async def all_of_them() -> list[Read]:
        return [await _read(url, headers, None) for _ in range(times)]

    return asyncio.run(all_of_them())


def read_slowly(
    url: str, headers: Mapping[str, str], readers: int, bytes_per_second: int
) -> Sequence[Read]:
    """``readers`` at once, none of whom takes more than that much."""

    async def all_of_them() -> list[Read]:
        return await asyncio.gather(
            *(_read(url, headers, bytes_per_second) for _ in range(readers))
        )

    return asyncio.run(all_of_them())


async def _read(url: str, headers: Mapping[str, str], bytes_per_second: int | None) -> Read:
    """A GET over a connection of its own, which is made before the clock starts."""
    place = urlsplit(url)
    asked = {"Host": place.netloc, "Connection": "close", **headers}
    request = f"GET {place.path} HTTP/1.1\r\n" + "".join(
        f"{name}: {value}\r\n" for name, value in asked.items()
    )
    reader, writer = await asyncio.wait_for(
        asyncio.open_connection(place.hostname, place.port, limit=CHUNK_BYTES), CONNECT_SECONDS
    )
    try:
        started = time.monotonic()
        writer.write(f"{request}\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 "), head
        size = len(await reader.read(CHUNK_BYTES))
        first_byte = time.monotonic() - started
        while piece := await reader.read(CHUNK_BYTES):
            size += len(piece)
            if bytes_per_second:
                due = started + size / bytes_per_second
                await asyncio.sleep(max(0, due - time.monotonic()))
    finally:
        writer.close()
    return Read(first_byte, size)
