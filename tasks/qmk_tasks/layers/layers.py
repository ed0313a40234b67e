"""Which file of a firmware tree goes into which archive of its snapshot. Pure.

The core is what every full build unpacks, so it holds only what builds read. A build that has its
keyboard's record needs the generator instead, a small part of the core. What only ARM and RP2040
boards need is a layer of its own, and each top-level keyboard folder is one.
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from qmk_contract.artifacts import FOLDER_PATTERN
from qmk_contract.firmware_tree import of_the_generator, of_the_tree

#: In the root, what is for people and not for builds; besides everything hidden.
_NOT_FOR_BUILDS = frozenset({"docs", "tests", "doxygen-todo", "Doxyfile"})
#: Below lib/: what only ARM and RP2040 boards need, and parts that no firmware links.
_CHIBIOS = ("lib/chibios/", "lib/chibios-contrib/", "lib/pico-sdk/", "lib/lvgl/")
_NOT_LINKED = (
    "lib/googletest/",
    *(f"lib/lufa/{name}/" for name in ("BuildTests", "Demos", "Maintenance", "Projects")),
    *(f"lib/vusb/{name}/" for name in ("circuits", "examples", "tests")),
    *(
        f"lib/{library}/{name}/"
        for library in ("chibios", "chibios-contrib")
        for name in ("demos", "doc", "test", "testex", "testhal", "testrt", "tools")
    ),
)


@dataclass(frozen=True)
class Layers:
    """Paths by layer, relative to the tree, sorted by their bytes. ``source`` has all of them.

    ``generator`` are those of the core that turn a keymap into C. ``unnamed`` are keyboard folders
    whose names no object key may have.
    """

    core: tuple[str, ...] = ()
    generator: tuple[str, ...] = ()
    chibios: tuple[str, ...] = ()
    keyboards: dict[str, tuple[str, ...]] = field(default_factory=dict)
    source: tuple[str, ...] = ()
    unnamed: tuple[str, ...] = ()


def split(paths: Iterable[str]) -> Layers:
    """Sort the files of a tree into its layers."""
    source = tuple(sorted(filter(of_the_tree, paths), key=os.fsencode))
    core: list[str] = []
    chibios: list[str] = []
    keyboards: dict[str, list[str]] = {}
    for path in source:
        first, *rest = path.split("/")
        if first == "keyboards" and len(rest) > 1:
            keyboards.setdefault(rest[0], []).append(path)
        elif path.startswith(_NOT_LINKED):
            continue
        elif path.startswith(_CHIBIOS):
            chibios.append(path)
        elif _for_builds(first):
            core.append(path)
    named = {name for name in keyboards if re.fullmatch(FOLDER_PATTERN, name)}
    return Layers(
        core=tuple(core),
        generator=tuple(filter(of_the_generator, core)),
        chibios=tuple(chibios),
        keyboards={name: tuple(keyboards[name]) for name in sorted(named)},
        source=source,
        unnamed=tuple(sorted(keyboards.keys() - named)),
    )


def _for_builds(first: str) -> bool:
    hidden = first.startswith(".")
    return not hidden and first not in _NOT_FOR_BUILDS
