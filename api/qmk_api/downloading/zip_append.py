"""One more entry for a zip archive, without touching what is in it. Pure: bytes in, bytes out.

A zip ends with its central directory and an end record that says where the directory begins
(https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, sections 4.3 to 4.5). So the new
archive is: everything before the old directory, the new entry, the old directory, the new
entry's place in it, and a new end record.
"""

import struct
import zlib
from dataclasses import dataclass

#: What the end of an archive may take at the most: zip64 record, its locator, end record, comment.
TAIL_BYTES = 56 + 20 + 22 + 0xFFFF
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_LOCATOR = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_OFFSET64 = struct.Struct("<2HQ")
_END_SIGNATURE = b"PK\x05\x06"
_LOCATOR_SIGNATURE = b"PK\x06\x07"
_END64_SIGNATURE = b"PK\x06\x06"
_U16 = 0xFFFF
_U32 = 0xFFFFFFFF
_VERSION = 20
_VERSION64 = 45
_UNIX = 3 << 8
_UTF8_NAME = 1 << 11
#: 1 January 1980, the first day that the format knows: equal entries have equal bytes.
_DATE = 1 << 5 | 1
_REGULAR_FILE_0644 = 0o100644


class ArchiveError(ValueError):
    """This is no zip archive, or none that an entry can be added to."""


@dataclass(frozen=True)
class Directory:
    """Where an archive's central directory is, in bytes, and how many entries it has."""

    offset: int
    size: int
    entries: int
    comment: bytes = b""
    zip64: bool = False


@dataclass(frozen=True)
class Addition:
    """``entry`` goes where the directory began, ``trailer`` behind the old directory."""

    entry: bytes
    trailer: bytes


def read_directory(tail: bytes, size: int) -> Directory:
    """Find the directory of an archive of ``size`` bytes by its last TAIL_BYTES (or all) of it.

    Raises:
        ArchiveError
    """
    at = _end_record(tail)
    _, *disks, here, entries, length, offset, _ = _END.unpack_from(tail, at)
    directory = Directory(offset, length, entries, tail[at + _END.size :])
    start = size - len(tail)
    behind = start + at
    locator = at - _LOCATOR.size
    if locator >= 0 and tail.startswith(_LOCATOR_SIGNATURE, locator):
        directory, behind = _zip64(tail, start, locator, directory)
    elif disks != [0, 0] or here != entries:
        raise ArchiveError("it is one of several parts")
    if directory.offset + directory.size != behind:
        raise ArchiveError("its central directory is not where its end record says")
    if directory.size < directory.entries * _CENTRAL.size:
        raise ArchiveError("its central directory is too short for its entries")
    return directory


def add_file(directory: Directory, name: str, content: bytes) -> Addition:
    """A regular file for an archive with that directory, stored as it is."""
    raw_name = name.encode()
    crc, length = zlib.crc32(content), len(content)
    common = (_UTF8_NAME, 0, 0, _DATE, crc, length, length, len(raw_name))
    local = _LOCAL.pack(b"PK\x03\x04", _VERSION, *common, 0)
    far = directory.offset >= _U32
    version = _VERSION64 if far else _VERSION
    extra = _OFFSET64.pack(1, 8, directory.offset) if far else b""
    central = _CENTRAL.pack(
        b"PK\x01\x02", _UNIX | version, version, *common, len(extra), 0, 0, 0,
        _REGULAR_FILE_0644 << 16, _U32 if far else directory.offset,
    )  # fmt: skip
    entry = local + raw_name + content
    central += raw_name + extra
    after = Directory(
        directory.offset + len(entry),
        directory.size + len(central),
        directory.entries + 1,
        directory.comment,
        directory.zip64,
    )
    return Addition(entry, central + _ending(after))


def _end_record(tail: bytes) -> int:
    """Where the end record begins: the last one whose comment reaches to the end."""
    at = len(tail) - _END.size + 1
    while (at := tail.rfind(_END_SIGNATURE, 0, max(0, at) + 3)) >= 0:
        if at + _END.size + _END.unpack_from(tail, at)[-1] == len(tail):
            return at
    raise ArchiveError("it has no end record")


def _zip64(tail: bytes, start: int, locator: int, short: Directory) -> tuple[Directory, int]:
    """The directory by the zip64 record, and where that record begins in the archive."""
    _, disk, position, disks = _LOCATOR.unpack_from(tail, locator)
    at = position - start
    if at < 0 or at + _END64.size > locator or not tail.startswith(_END64_SIGNATURE, at):
        raise ArchiveError("its zip64 end record is not where its locator says")
    _, length, _, _, *numbers, here, entries, size, offset = _END64.unpack_from(tail, at)
    if at + 12 + length != locator:
        raise ArchiveError("its zip64 end record has another length than it says")
    if disk or disks > 1 or numbers != [0, 0] or here != entries:
        raise ArchiveError("it is one of several parts")
    pairs = ((short.entries, entries, _U16), (short.size, size, _U32), (short.offset, offset, _U32))
    if any(small not in (large, limit) for small, large, limit in pairs):
        raise ArchiveError("its end records contradict each other")
    return Directory(offset, size, entries, short.comment, zip64=True), position


def _ending(directory: Directory) -> bytes:
    """The end record, in its zip64 form too where the old one had it or a number needs it."""
    entries, size, offset = directory.entries, directory.size, directory.offset
    records = b""
    if directory.zip64 or entries >= _U16 or size >= _U32 or offset >= _U32:
        records = _END64.pack(
            _END64_SIGNATURE, _END64.size - 12, _UNIX | _VERSION64, _VERSION64, 0, 0,
            entries, entries, size, offset,
        ) + _LOCATOR.pack(_LOCATOR_SIGNATURE, 0, offset + size, 1)  # fmt: skip
    short = min(entries, _U16)
    return (
        records
        + _END.pack(
            _END_SIGNATURE, 0, 0, short, short, min(size, _U32), min(offset, _U32),
            len(directory.comment),
        )
        + directory.comment
    )  # fmt: skip
