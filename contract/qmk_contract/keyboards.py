"""Keyboards of a published tree: names, aliases, layouts, as ``qmk generate-api`` writes them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qmk_contract.errors import Faults, RequestError
from qmk_contract.keymap import Keymap
from qmk_contract.patterns import KEYBOARD_LENGTH_MAX, KEYBOARD_PATTERN
from qmk_contract.phases import Reason

_ALIAS_HOPS_MAX = 16


@dataclass(frozen=True)
class Keyboard:
    """One keyboard: number of keys by layout name, other names of layouts, platform of its MCU.

    ``platform`` is ``avr``, or another word for anything that needs ChibiOS.
    """

    name: str
    platform: str
    layouts: Mapping[str, int]
    layout_aliases: Mapping[str, str]

    def check(self, keymap: Keymap) -> Keymap:
        """Resolve the layout's alias and compare each layer's length with the layout.

        Raises:
            RequestError: the keyboard has no such layout, or layers have another key count.
        """
        layout = self.layout_aliases.get(keymap.layout, keymap.layout)
        keys = self.layouts.get(layout)
        if keys is None:
            known = ", ".join(sorted(self.layouts)) or "none"
            raise RequestError(
                Reason.UNKNOWN_LAYOUT,
                f"{self.name} has no layout {keymap.layout}; its layouts are: {known}",
            )
        faults = Faults()
        for index, row in enumerate(keymap.layers):
            if len(row) != keys:
                faults.add(f"layer {index} has {len(row)} keys, {layout} has {keys}", layer=index)
        faults.check()
        return Keymap(layout, keymap.layers, keymap.fields)


def keyboard_from_info(name: str, document: Mapping[str, Any]) -> Keyboard:
    """Read a keyboard from its info.json.

    Raises:
        ValueError: the document does not describe that keyboard.
    """
    info = _object(_object(document, "keyboards"), name) if isinstance(document, Mapping) else {}
    if not info:
        raise ValueError(f"info.json does not describe {name}")
    aliases = _object(info, "layout_aliases")
    return Keyboard(
        name=name,
        platform=_platform(info),
        layouts={layout: _keys(data) for layout, data in _object(info, "layouts").items()},
        layout_aliases={old: new for old, new in aliases.items() if isinstance(new, str)},
    )


def resolve_alias(name: str, aliases: Mapping[str, Any]) -> str:
    """Follow keyboard_aliases.json from an old name to the current one; aliases may chain."""
    for _ in range(_ALIAS_HOPS_MAX):
        entry = aliases.get(name) if isinstance(aliases, Mapping) else None
        target = entry.get("target") if isinstance(entry, Mapping) else entry
        if not isinstance(target, str):
            return name
        name = target.rstrip("/")  # as of one target in QMK's own tree
    return name


def keyboard_names(document: Any) -> list[str]:
    """The names of all keyboards, of keyboard_list.json.

    Raises:
        ValueError: the document has another shape.
    """
    names = document.get("keyboards") if isinstance(document, Mapping) else None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("keyboards is no list of names")
    return names


def keyboard_aliases(document: Any) -> Mapping[str, Any]:
    """Old names and what they mean now, of keyboard_aliases.json, as resolve_alias reads them.

    Raises:
        ValueError: the document has another shape.
    """
    aliases = document.get("keyboard_aliases") if isinstance(document, Mapping) else None
    if not isinstance(aliases, Mapping):
        raise ValueError("keyboard_aliases is no object")
    return aliases


def check_keyboard_name(name: object) -> str:
    """Pass a keyboard's name through the allow-list.

    Raises:
        RequestError: no keyboard can have that name.
    """
    fits = isinstance(name, str) and len(name) <= KEYBOARD_LENGTH_MAX
    if not fits or not re.fullmatch(KEYBOARD_PATTERN, str(name)):
        raise RequestError(
            Reason.UNKNOWN_KEYBOARD,
            "keyboard must be a path of lower-case letters, digits, '_' and '-', such as "
            "clueboard/66/rev3",
        )
    return str(name)


def _platform(info: Mapping[str, Any]) -> str:
    platform = str(info.get("platform_key") or "")
    if platform:
        return platform
    return "avr" if info.get("protocol") in ("LUFA", "V-USB") else "chibios"


def _object(holder: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    value = holder.get(field)
    if value is not None and not isinstance(value, Mapping):
        raise ValueError(f"{field} in info.json is no object")
    return value or {}


def _keys(layout: object) -> int:
    keys = layout.get("layout") if isinstance(layout, Mapping) else layout
    if not isinstance(keys, list):
        raise ValueError("a layout in info.json has no keys")
    return len(keys)
