"""What a build left: exactly the firmware it was asked for, its keymap.c, and its sizes."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from qmk_contract.result import Memory, Usage
from qmk_runner import regular_file
from qmk_runner.regular_file import NotRegularError

EXTENSIONS = ("hex", "bin", "uf2")
FIRMWARE_BYTES_MAX = 16 << 20
KEYMAP_C_BYTES_MAX = 4 << 20
_ELF_BYTES_MAX = 64 << 20
_ELF_AVR = (83).to_bytes(2, "little")  # e_machine of AVR
#: "23012/28672 (80%, 5660 bytes free)", "31378/28672 (2706 bytes over)": the tree's own check
#: of the firmware against what the bootloader leaves.
_SIZE = re.compile(
    r"^ \* The firmware (?:size is fine -|is too large!)"
    r" (?P<used>\d{1,9})/(?P<limit>\d{1,9}) \([^()\n]{0,60}bytes",
    re.MULTILINE,
)
_BERKELEY = re.compile(r"^\s*(?P<text>\d+)\s+(?P<data>\d+)\s+(?P<bss>\d+)\s", re.MULTILINE)


@dataclass(frozen=True)
class Names:
    """What the tree calls the files of one build. All paths are relative to the tree."""

    target: str
    converter: str | None = None

    @property
    def firmware(self) -> str:
        """The firmware's name without extension; a converted board's says so."""
        return f"{self.target}_{self.converter}" if self.converter else self.target

    @property
    def elf(self) -> str:
        return f".build/{self.firmware}.elf"

    @property
    def keymap_c(self) -> str:
        return f".build/obj_{self.target}/src/keymap.c"


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


def names(keyboard: str, keymap_name: str, request: Mapping[str, object]) -> Names:
    """The names for a keyboard, a keymap name and a keymap document, all checked before."""
    converter = request.get("converter")
    target = f"{keyboard.replace('/', '_')}_{keymap_name}"
    return Names(target, str(converter) if converter else None)


def collect(tree: Path, names: Names) -> Outputs:
    """Read what a build left; a firmware only if exactly one file is the one asked for."""
    found = [
        FirmwareFile(extension, data)
        for extension in EXTENSIONS
        if (data := _read(tree, f"{names.firmware}.{extension}", FIRMWARE_BYTES_MAX))
    ]
    return Outputs(
        firmware=found[0] if len(found) == 1 else None,
        keymap_c=_read(tree, names.keymap_c, KEYMAP_C_BYTES_MAX),
    )


def remove(tree: Path, stem: str) -> None:
    """Make sure that a firmware file found later is this build's."""
    for extension in EXTENSIONS:
        (tree / f"{stem}.{extension}").unlink(missing_ok=True)


def usage(log: str, sections: tuple[int, int, int] | None) -> Usage | None:
    """Flash and RAM use: from the tree's own check, else from the sections (text, data, bss)."""
    flash = ram = None
    if sections is not None:
        text, data, bss = sections
        flash, ram = Memory(text + data), Memory(data + bss)
    if matches := list(_SIZE.finditer(log)):
        flash = Memory(int(matches[-1]["used"]), int(matches[-1]["limit"]))
    return Usage(flash, ram) if flash or ram else None


def avr_sections(tree: Path, elf: str, search_path: str) -> tuple[int, int, int] | None:
    """Sizes of text, data and bss by ``avr-size``; None for another processor, or without one."""
    image = _read(tree, elf, _ELF_BYTES_MAX)
    if image is None or image[:4] != b"\x7fELF" or image[18:20] != _ELF_AVR:
        return None
    try:
        shown = subprocess.run(  # noqa: S603
            ["avr-size", str(tree / elf)],  # noqa: S607
            env={"PATH": search_path, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=10,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    match = _BERKELEY.search(shown.stdout.decode("ascii", "replace"))
    return (int(match["text"]), int(match["data"]), int(match["bss"])) if match else None


def _read(tree: Path, path: str, size_max: int) -> bytes | None:
    try:
        return regular_file.read_below(tree, path, size_max=size_max)
    except (FileNotFoundError, NotRegularError):
        return None
