"""The source of a build: its commit's archive from S3 with the keymap in it, put together as it
is sent."""

import hashlib
import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass

from qmk_api.downloading.byte_range import ByteRange
from qmk_api.downloading.zip_append import (
    TAIL_BYTES,
    ArchiveError,
    Directory,
    add_file,
    read_directory,
)
from qmk_api.memory import Clock, Memory
from qmk_api.ports import Artifacts, StorageUnavailable, StoredObject
from qmk_api.single_flight import SingleFlight

#: Archives never change; this bounds how long one that was removed is still believed in.
REMEMBERED_SECONDS = 60
_UNREADABLE = "the stored source cannot be read"
log = logging.getLogger(__name__)
#: A piece of a download: bytes of ours, or a part of the archive.
Piece = ByteRange | bytes


@dataclass(frozen=True)
class Archive:
    """A stored archive: size in bytes, S3's name for its content, and its directory."""

    key: str
    size: int
    etag: str | None
    directory: Directory


@dataclass(frozen=True)
class Source:
    """An archive with one more file, not read yet. ``etag`` names the content of the whole."""

    archive: Archive
    pieces: tuple[Piece, ...]
    size: int
    etag: str


class Sources:
    """Archives of firmware trees, each with the file of whoever asks."""

    def __init__(self, stored: Artifacts, clock: Clock) -> None:
        self._stored = stored
        self._archives: Memory[Archive] = Memory(
            clock, entries_max=64, ttl_seconds=REMEMBERED_SECONDS
        )
        self._reads: SingleFlight[Archive | None] = SingleFlight()

    async def find(self, key: str, name: str, content: bytes) -> Source | None:
        """The archive stored as ``key`` with a file in it; None if there is no such archive.

        Raises:
            StorageUnavailable: also where what is stored is no archive.
        """
        archive = self._archives.get(key) or await self._reads.do(key, lambda: self._archive(key))
        if archive is None:
            return None
        directory = archive.directory
        added = add_file(directory, name, content)
        pieces: list[Piece] = [added.entry]
        if directory.offset:
            pieces.insert(0, ByteRange(0, directory.offset - 1))
        if directory.size:
            pieces.append(ByteRange(directory.offset, directory.offset + directory.size - 1))
        pieces.append(added.trailer)
        digest = hashlib.sha256(f"{archive.etag} {archive.size}\n".encode())
        digest.update(added.entry + added.trailer)
        size = sum(map(_length, pieces))
        return Source(archive, tuple(pieces), size, digest.hexdigest())

    async def open(self, source: Source, part: ByteRange | None = None) -> "SourceStream":
        """Begin to read a source, or a part of it; the caller closes it.

        Raises:
            StorageUnavailable: also where the archive is another one by now.
        """
        pieces = source.pieces if part is None else cut(source.pieces, part)
        stream = SourceStream(self._stored, source.archive, pieces)
        try:
            await stream.begin()
        except StorageUnavailable:
            self._archives.drop(source.archive.key)
            raise
        return stream

    async def _archive(self, key: str) -> Archive | None:
        probe = await self._stored.open(key, (0, 0))
        if probe is None:
            return None
        probe.close()
        size = probe.whole
        tail = await _open(self._stored, key, probe.etag, (max(0, size - TAIL_BYTES), size - 1))
        try:
            content = b"".join([chunk async for chunk in tail.chunks()])
            archive = Archive(key, size, probe.etag, read_directory(content, size))
        except ArchiveError as error:
            log.error("%s cannot be added to: %s", key, error)
            raise StorageUnavailable(_UNREADABLE) from error
        finally:
            tail.close()
        self._archives.put(key, archive)
        return archive


class SourceStream:
    """A source under way: holds one connection to S3 at a time, and a piece of its content.

    ``size`` is in bytes.
    """

    def __init__(self, stored: Artifacts, archive: Archive, pieces: tuple[Piece, ...]) -> None:
        self.size = sum(map(_length, pieces))
        self._stored = stored
        self._archive = archive
        self._pieces = pieces
        self._open: StoredObject | None = None

    async def begin(self) -> None:
        """Open what comes first, so that a fault is known before anything is sent."""
        if isinstance(first := self._pieces[0], ByteRange):
            await self._next(first)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The content, piece by piece.

        Raises:
            StorageUnavailable: also where the archive was replaced meanwhile.
        """
        for piece in self._pieces:
            if isinstance(piece, bytes):
                yield piece
                continue
            part = self._open or await self._next(piece)
            async for chunk in part.chunks():
                yield chunk
            self.close()

    def close(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    async def _next(self, piece: ByteRange) -> StoredObject:
        archive = self._archive
        self._open = await _open(self._stored, archive.key, archive.etag, (piece.first, piece.last))
        return self._open


def cut(pieces: tuple[Piece, ...], part: ByteRange) -> tuple[Piece, ...]:
    """The pieces that make up a part of their whole."""
    found: list[Piece] = []
    start = 0
    for piece in pieces:
        length = _length(piece)
        first, last = max(part.first - start, 0), min(part.last - start, length - 1)
        if first <= last:
            if isinstance(piece, bytes):
                found.append(piece[first : last + 1])
            else:
                found.append(ByteRange(piece.first + first, piece.first + last))
        start += length
    return tuple(found)


async def _open(
    stored: Artifacts, key: str, etag: str | None, part: tuple[int, int]
) -> StoredObject:
    """A part of the object that has this ETag."""
    opened = await stored.open(key, part)
    if opened is None:
        raise StorageUnavailable("the stored source was removed just now")
    if opened.etag != etag or opened.size != part[1] - part[0] + 1:
        opened.close()
        raise StorageUnavailable("the stored source was replaced just now, try again")
    return opened


def _length(piece: Piece) -> int:
    return len(piece) if isinstance(piece, bytes) else piece.last - piece.first + 1
