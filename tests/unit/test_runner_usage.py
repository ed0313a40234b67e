"""How full a firmware makes its microcontroller, from the tree's log and the linked file."""

import struct
from dataclasses import dataclass

import pytest

from qmk_contract.result import Memory, Usage
from qmk_runner import elf
from qmk_runner.usage import usage

ALLOC, WRITE, EXECUTE = 2, 1, 4
PROGBITS, SYMTAB, STRTAB, NOTE, NOBITS = 1, 2, 3, 7, 8
FINE = " * The firmware size is fine - 22852/28672 (79%, 5820 bytes free)"


@dataclass
class Part:
    name: str
    kind: int
    flags: int
    data: bytes = b""
    size: int | None = None
    link: int = 0
    address: int = 0


def image(*parts: Part) -> bytes:
    """An ELF file of these sections, a first one without a name and a last one with the names."""
    names = b"\0" + b"".join(part.name.encode() + b"\0" for part in parts) + b".shstrtab\0"
    sections = [Part("", 0, 0), *parts, Part(".shstrtab", STRTAB, 0, names)]
    body, headers = bytearray(52), b""
    for part in sections:
        size = len(part.data) if part.size is None else part.size
        name = names.index(part.name.encode() + b"\0")
        headers += struct.pack(
            "<10I", name, part.kind, part.flags, part.address, len(body), size, part.link, 0, 1, 0
        )
        body += part.data
    body[:52] = struct.pack(
        "<16s2H5I6H", b"\x7fELF\x01\x01\x01", 2, 83, 1, 0, 0, len(body), 0,
        52, 0, 0, 40, len(sections), len(sections) - 1,
    )  # fmt: skip
    return bytes(body) + headers


def room(name: str, size: int) -> Part:
    return Part(name, NOBITS, ALLOC | WRITE, size=size)


TEXT = Part(".text", PROGBITS, ALLOC | EXECUTE, bytes(100))
DATA = Part(".data", PROGBITS, ALLOC | WRITE, bytes(20))
DEVICE = Part(
    ".note.gnu.avr.deviceinfo", NOTE, 0,
    struct.pack("<16x6I", 0, 32768, 256, 2560, 0, 1024) + b"atmega32u4",
)  # fmt: skip


def symbols(**values: int) -> tuple[Part, Part]:
    """A symbol table and its strings, of which the first ends in the second's name."""
    strings = b"\0" + b"".join(b"x" + name.encode() + b"\0" for name in values)
    entries = [
        struct.pack("<3I2BH", strings.index(name.encode()), value, 0, 0, 0, 0)
        for name, value in values.items()
    ]
    table = Part(".symtab", SYMTAB, 0, b"".join(entries), link=4)
    return table, Part(".strtab", STRTAB, 0, strings)


@pytest.mark.parametrize(
    ("line", "used", "limit"),
    [
        (FINE, 22852, 28672),
        (" * The firmware size is approaching the maximum - 28000/28672 (97%, 672 bytes free)",
         28000, 28672),
        (" * The firmware is too large! 31378/28672 (2706 bytes over)", 31378, 28672),
    ],
)  # fmt: skip
def test_what_the_tree_found_counts_for_the_flash(line: str, used: int, limit: int) -> None:
    assert usage(line, None) == Usage(Memory(used, limit))
    found = usage(line, image(TEXT, DATA, room(".bss", 3), DEVICE))
    assert found == Usage(Memory(used, limit), Memory(23, 2560))


def test_what_is_no_part_of_the_firmware_is_not_counted() -> None:
    eeprom = Part(".eeprom", PROGBITS, ALLOC | WRITE, bytes(64))
    comment = Part(".comment", PROGBITS, 0, bytes(17))
    found = usage("", image(TEXT, DATA, room(".bss", 3), room(".heap", 4096), eeprom, comment))
    assert found == Usage(Memory(120), Memory(23))


@pytest.mark.parametrize(
    ("address", "limit"),
    [(0x10000100, 2 << 20), (0x100, 16384), (0x08000000, None)],
)
def test_a_boards_linker_script_says_how_much_there_is(address: int, limit: int | None) -> None:
    table, strings = symbols(
        __ram0_size__=8192,
        __flash0_base__=0,
        __flash0_size__=16384,
        __flash1_base__=0x10000000,
        __flash1_size__=2 << 20,
        __flash2_base__=0,
        __flash2_size__=0,
    )
    text = Part(".text", PROGBITS, ALLOC | EXECUTE, bytes(100), address=address)
    found = usage("", image(text, DATA, table, strings, room(".bss", 3)))
    assert found == Usage(Memory(120, limit), Memory(23, 8192))


@pytest.mark.parametrize("before", ["    5 | ", " | ", "    ", " | * ", "x * "])
def test_a_size_in_quoted_source_is_none(before: str) -> None:
    assert usage(before + FINE.removeprefix(" * "), None) is None


@pytest.mark.parametrize("length", [0, 4, 40, 51, 200, -1, -41])
def test_a_file_that_is_not_whole_says_nothing(length: int) -> None:
    assert elf.read(image(TEXT, DATA)[:length]) is None
    assert usage("", image(TEXT, DATA)[:length]) is None


def test_a_second_table_of_symbols_is_none() -> None:
    table, strings = symbols(a=1)
    assert elf.read(image(TEXT, DATA, table, strings)) is not None
    assert elf.read(image(TEXT, DATA, table, strings, table, strings)) is None


@pytest.mark.parametrize("size", [(8 << 20) + 1, 32 << 20])
def test_tables_without_bounds_are_none(size: int) -> None:
    table, strings = symbols(a=1)
    strings.data = b"a" * size + b"\0"
    assert elf.read(image(TEXT, DATA, table, strings), ["a"]) is None
    table, strings = symbols(a=1)
    table.data = bytes(size)
    assert elf.read(image(TEXT, DATA, table, strings), ["a"]) is None
    assert elf.read(image(TEXT, Part("n" * size, PROGBITS, 0))) is None


def test_a_section_table_without_end_is_none() -> None:
    data = bytearray(image(TEXT))
    data[48:50] = b"\xff\xff"
    assert elf.read(bytes(data)) is None
