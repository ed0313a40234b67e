"""How much of the microcontroller's memory a firmware needs. Pure."""

import re
import struct

from qmk_contract.result import Memory, Usage
from qmk_runner import elf

#: "The firmware size is fine - 23012/28672 (80%, 5660 bytes free)", or "approaching the maximum",
#: or "too large! 31378/28672 (2706 bytes over)": the tree's own check of the firmware against what
#: the bootloader leaves. Only AVR boards have one.
_SIZE = re.compile(
    r"^ \* The firmware (?:size is fine -|size is approaching the maximum -|is too large!)"
    r" (?P<used>\d{1,9})/(?P<limit>\d{1,9}) \([^()\n]{0,60}bytes",
    re.MULTILINE,
)
#: Sections that the tree leaves out of a firmware, and the heap: whatever RAM is left over.
_NOT_COUNTED = frozenset({".eeprom", ".fuse", ".lock", ".signature", ".heap"})
#: Which chip the firmware is for, by avr-libc's start-up code: after a header of 16 bytes start
#: and size of flash, then of RAM. binutils' avr-objdump reads it, too (elf32-avr.c).
_DEVICE_NOTE = ".note.gnu.avr.deviceinfo"
_DEVICE = struct.Struct("<16x4I")
#: Symbols of ChibiOS's linker scripts (os/common/startup/ARMCMx/compilers/GCC/ld/
#: rules_memory.ld): what the board's own script gives the firmware, beside the bootloader. Which
#: of the regions is the flash differs: flash1 on RP2040, whose flash0 is its boot ROM.
_FLASHES = tuple((f"__flash{number}_base__", f"__flash{number}_size__") for number in range(8))
_RAM_SIZE = "__ram0_size__"
_SYMBOLS = (*(name for flash in _FLASHES for name in flash), _RAM_SIZE)


def usage(log: str, image: bytes | None) -> Usage | None:
    """Flash and RAM use: the tree's own figures where its log has them, else the ELF file's."""
    made = elf.read(image, _SYMBOLS) if image else None
    flash, ram = (None, None) if made is None else (_flash(made), _ram(made))
    if matches := list(_SIZE.finditer(log)):
        flash = Memory(int(matches[-1]["used"]), int(matches[-1]["limit"]))
    return Usage(flash, ram) if flash or ram else None


def _flash(image: elf.Image) -> Memory:
    stored = [section for section in _counted(image) if section.stored]
    code = max(stored, key=_code_bytes, default=None)
    limit = None if code is None else _size_of_flash_at(image, code.address)
    return Memory(sum(section.size for section in stored), limit)


def _code_bytes(section: elf.Section) -> int:
    return 0 if section.writable else section.size


def _size_of_flash_at(image: elf.Image, address: int) -> int | None:
    for base, size in _FLASHES:
        start, length = image.symbols.get(base, 0), image.symbols.get(size, 0)
        if start <= address < start + length:
            return length
    return None


def _ram(image: elf.Image) -> Memory:
    used = sum(section.size for section in _counted(image) if section.writable)
    return Memory(used, image.symbols.get(_RAM_SIZE) or _ram_of_avr(image))


def _counted(image: elf.Image) -> list[elf.Section]:
    return [item for item in image.sections if item.allocated and item.name not in _NOT_COUNTED]


def _ram_of_avr(image: elf.Image) -> int | None:
    for section in image.sections:
        if section.name == _DEVICE_NOTE and len(section.data) >= _DEVICE.size:
            _, _, _, size = _DEVICE.unpack_from(section.data)
            return int(size)
    return None
