"""The content of the keyboard site's pages, by content coding: from memory, else from storage."""

import asyncio
import gzip
import hashlib
import io
import logging
import math
from collections.abc import AsyncIterator, Callable, Mapping

import zstandard

from qmk_api.keyboards.content_coding import IDENTITY
from qmk_api.keyboards.site import Page
from qmk_api.memory import Clock, Memory
from qmk_api.ports import Artifacts, Cache, DamagedMetadata
from qmk_api.single_flight import SingleFlight
from qmk_contract import artifacts
from qmk_contract.documents import DOCUMENT_BYTES_MAX

#: The 7,500 pages of the real site take about 60 MiB in all codings, `keyboards.json` compressed
#: only: what was asked for once is hardly ever dropped.
HELD_BYTES_MAX = 64 << 20
#: What an entry takes beside its content, in bytes, roughly.
ENTRY_BYTES = 512
#: A larger file that is stored compressed is unpacked for each reader, and never held as it is.
PLAIN_BYTES_MAX = 1 << 20
#: Larger files would push the small ones out of the cache that all replicas share.
SHARED_BYTES_MAX = 256 << 10
CHUNK_BYTES = 64 << 10
log = logging.getLogger(__name__)


def _zstd(content: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=12).compress(content)


def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)  # without a time: the same bytes in every replica


_COMPRESS: Mapping[str, Callable[[bytes], bytes]] = {"gzip": _gzip, "zstd": _zstd}


class Bodies:
    """Contents by what names them, least recently used out first.

    They never grow old: what was read once is served for as long as there is room, through any
    outage of storage.
    """

    def __init__(self, stored: Artifacts, cache: Cache, clock: Clock) -> None:
        self._stored = stored
        self._cache = cache
        self._held: Memory[bytes] = Memory(
            clock, entries_max=1 << 20, ttl_seconds=math.inf, cost_max=HELD_BYTES_MAX
        )
        self._loads: SingleFlight[bytes] = SingleFlight()
        # Reading and writing JSON holds the interpreter: one thread at a time does, and the event
        # loop between them.
        self._making = asyncio.Semaphore(1)

    @staticmethod
    def codings(page: Page) -> tuple[str, ...]:
        """In which codings a page is to be had, beside as it is: small ones are compressed here."""
        return tuple(page.stored) or tuple(_COMPRESS)

    @staticmethod
    def too_large(page: Page) -> bool:
        """Whether the page is held compressed only, to be unpacked for each reader."""
        return page.file.size > PLAIN_BYTES_MAX and "gzip" in page.stored

    async def get(self, page: Page, coding: str = IDENTITY) -> bytes:
        """A page's content.

        Raises:
            StorageUnavailable
        """
        key = f"{page.tag} {coding}"
        body = self._held.get(key)
        if body is None:
            body = await self._loads.do(key, lambda: self._load(page, coding))
            self._held.put(key, body, cost=len(body) + ENTRY_BYTES)
        return body

    async def document(self, page: Page) -> bytes:
        """The file that a page is made from, if it is small enough to be parsed.

        Raises:
            StorageUnavailable
        """
        if page.file.size > DOCUMENT_BYTES_MAX:
            raise _damaged(page.path, f"larger than {DOCUMENT_BYTES_MAX} bytes")
        return await self.get(page.original)

    async def _load(self, page: Page, coding: str) -> bytes:
        if coding in page.stored:
            return await self._stored_copy(page, coding)
        if coding != IDENTITY:
            content = await self.get(page)
            return await asyncio.to_thread(_COMPRESS[coding], content)
        if page.made is None:
            return await self._file(page)
        content = await self.document(page)
        try:
            async with self._making:
                return await asyncio.to_thread(page.made, content)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise _damaged(page.path, error) from error

    async def _stored_copy(self, page: Page, coding: str) -> bytes:
        size = page.stored[coding]
        key = artifacts.site_file(page.commit, page.path, coding)
        content = await self._stored.read(key, size + 1)
        if content is None or len(content) != size:
            raise _damaged(key, "not what the index says")
        return content

    async def _file(self, page: Page) -> bytes:
        key = artifacts.site_file(page.commit, page.path)
        shared = page.file.size <= SHARED_BYTES_MAX
        if shared:
            content = await self._cache.get(key)
            if content is not None and await _whole(page, content):
                return content
        content = await self._stored.read(key, page.file.size + 1)
        if content is None or not await _whole(page, content):
            raise _damaged(key, "not what the index says")
        if shared:
            await self._cache.set(key, content)
        return content


async def unpack(packed: bytes) -> AsyncIterator[bytes]:
    """What was compressed with gzip, piece by piece."""
    with gzip.open(io.BytesIO(packed)) as plain:
        while chunk := await asyncio.to_thread(plain.read, CHUNK_BYTES):
            yield chunk


async def _whole(page: Page, content: bytes) -> bool:
    if len(content) > SHARED_BYTES_MAX:
        return await asyncio.to_thread(_is, page, content)
    return _is(page, content)


def _is(page: Page, content: bytes) -> bool:
    return hashlib.sha256(content).hexdigest() == page.file.sha256


def _damaged(what: str, why: object) -> DamagedMetadata:
    log.error("%s in storage is damaged: %s", what, why)
    return DamagedMetadata()
