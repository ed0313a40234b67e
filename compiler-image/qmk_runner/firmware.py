"""What a build left: exactly the firmware it was asked for, its keymap.c, its ELF file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qmk_runner import regular_file
from qmk_runner.regular_file import NotRegularError

EXTENSIONS = ("hex", "bin", "uf2")
FIRMWARE_BYTES_MAX = 16 << 20
KEYMAP_C_BYTES_MAX = 4 << 20
_ELF_BYTES_MAX = 64 << 20
_FLAGS_BYTES_MAX = 1 << 20


@dataclass(frozen=True)
class Names:
    """What the tree calls the files of one build. All paths are relative to the tree.

    ``target`` is the firmware's name without extension. A converter is no part of it: make learns
    of a JSON keymap's only once the name is settled (builddefs/build_keyboard.mk of QMK's tree).
    """

    target: str

    @property
    def elf(self) -> str:
        return f".build/{self.target}.elf"

    @property
    def keymap_c(self) -> str:
        return f".build/obj_{self.target}/src/keymap.c"

    @property
    def header(self) -> str:
        """Where the layouts' macros are."""
        return f".build/obj_{self.target}/src/default_keyboard.h"

    @property
    def compiler_flags(self) -> str:
        """What all of the keyboard's files were compiled with."""
        return f".build/obj_{self.target}/cflags.txt"


@dataclass(frozen=True)
class FirmwareFile:
    """A firmware, and its file name extension without the dot."""

    extension: str
    data: bytes


@dataclass(frozen=True)
class Outputs:
    """What there is after a build."""

    firmware: FirmwareFile | None
    keymap_c: bytes | None
    elf: bytes | None
    header: bytes | None
    flags: bytes

    @property
    def has_via(self) -> bool:
        return b"-DVIA_ENABLE" in self.flags.split()


def names(keyboard: str, keymap_name: str) -> Names:
    """The names for a keyboard and a keymap name, both checked before."""
    return Names(f"{keyboard.replace('/', '_')}_{keymap_name}")


def collect(tree: Path, names: Names) -> Outputs:
    """Read what a build left; a firmware only if one file alone is the one asked for."""
    found = [
        FirmwareFile(extension, data)
        for extension in EXTENSIONS
        if (data := _read(tree, f"{names.target}.{extension}", FIRMWARE_BYTES_MAX))
    ]
    return Outputs(
        firmware=_product(found),
        keymap_c=_read(tree, names.keymap_c, KEYMAP_C_BYTES_MAX),
        elf=_read(tree, names.elf, _ELF_BYTES_MAX),
        header=_read(tree, names.header, KEYMAP_C_BYTES_MAX),
        flags=_read(tree, names.compiler_flags, _FLAGS_BYTES_MAX) or b"",
    )


def _product(found: Sequence[FirmwareFile]) -> FirmwareFile | None:
    """What the tree's ``FIRMWARE_FORMAT`` names.

    make's rule for .bin (builddefs/common_rules.mk) copies it to the root of the tree wherever it
    is made, so beside another format it is only what that was made from.
    """
    final = [item for item in found if item.extension != "bin"] or found
    return final[0] if len(final) == 1 else None


def _read(tree: Path, path: str, size_max: int) -> bytes | None:
    try:
        return regular_file.read_below(tree, path, size_max=size_max)
    except (FileNotFoundError, NotRegularError):
        return None
