"""Sections and symbols of a 32-bit little-endian ELF file, which is what keyboards run. Pure.

Read here rather than by ``size``: the file is what a stranger's keymap was linked into, and
binutils promises nothing about files that mean harm.
https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

_IDENT = b"\x7fELF\x01\x01"
_SECTIONS_MAX = 4096
#: Far more than any keyboard's firmware has, with all its debugging symbols.
_SECTION_NAME_BYTES_MAX = 256
_NAMES_BYTES_MAX = 8 << 20
_SYMBOLS_BYTES_MAX = 8 << 20
_SECTION = struct.Struct("<10I")
_SYMBOL = struct.Struct("<3I2BH")
_NOBITS = 8  # sh_type, as the next
_SYMTAB = 2
_WRITE, _ALLOC = 1, 2  # sh_flags


@dataclass(frozen=True)
class Section:
    """One section; ``stored`` if the file has its bytes, else it is only room in memory."""

    name: str
    address: int
    size: int
    allocated: bool
    writable: bool
    stored: bool
    data: memoryview


@dataclass(frozen=True)
class Image:
    """What a linked firmware consists of. ``symbols`` are values by name, of those asked for."""

    sections: Sequence[Section]
    symbols: dict[str, int]


def read(data: bytes, symbols: Sequence[str] = ()) -> Image | None:
    """Read a file; None if it is no such ELF file, or not a whole one."""
    if not data.startswith(_IDENT):
        return None
    try:
        return _read(memoryview(data), symbols)
    except (struct.error, IndexError, ValueError):
        return None


def _read(data: memoryview, symbols: Sequence[str]) -> Image:
    (table,) = struct.unpack_from("<I", data, 32)
    entry_size, count, names_index = struct.unpack_from("<3H", data, 46)
    if entry_size != _SECTION.size or count > _SECTIONS_MAX:
        raise ValueError("not a section table")
    headers = [_SECTION.unpack_from(data, table + number * entry_size) for number in range(count)]
    names = _bounded(data, headers[names_index], _NAMES_BYTES_MAX)
    found: dict[str, int] = {}
    tables = [header for header in headers if header[1] == _SYMTAB]
    if len(tables) > 1:  # the format has one at most
        raise ValueError("more than one table of symbols")
    for header in tables:
        strings = _bounded(data, headers[header[6]], _NAMES_BYTES_MAX)
        found = _values(_bounded(data, header, _SYMBOLS_BYTES_MAX), strings, symbols)
    return Image([_section(data, header, names) for header in headers], found)


def _section(data: memoryview, header: Sequence[int], names: bytes) -> Section:
    name, kind, flags, address, _, size, *_ = header
    end = names.index(b"\0", name, name + _SECTION_NAME_BYTES_MAX)
    return Section(
        name=names[name:end].decode("ascii", "replace"),
        address=address,
        size=size,
        allocated=bool(flags & _ALLOC),
        writable=bool(flags & _WRITE),
        stored=kind != _NOBITS,
        data=_content(data, header),
    )


def _content(data: memoryview, header: Sequence[int]) -> memoryview:
    _, kind, _, _, offset, size, *_ = header
    return data[:0] if kind == _NOBITS else data[offset : offset + size]


def _bounded(data: memoryview, header: Sequence[int], size_max: int) -> bytes:
    content = _content(data, header)
    if len(content) > size_max:
        raise ValueError("a table without bounds")
    return bytes(content)


def _values(table: bytes, strings: bytes, wanted: Sequence[str]) -> dict[str, int]:
    """A name may be the end of a longer one: the linker stores such only once."""
    places: dict[int, str] = {}
    for name in wanted:
        text = name.encode() + b"\0"
        place = strings.find(text)
        while place >= 0:
            places[place] = name
            place = strings.find(text, place + 1)
    whole = len(table) - len(table) % _SYMBOL.size
    entries = _SYMBOL.iter_unpack(table[:whole])
    return {places[name]: value for name, value, *_ in entries if name in places}
