"""The fields of QMK's keymap schema beside layout and layers, checked by allow-list.

What ends up as C, as make's text or in a path is as narrow as a keycode or a word; what each field
may hold is told by the schema of https://github.com/qmk/qmk_firmware/tree/0.30.0/data/schemas.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from qmk_contract import keycodes
from qmk_contract.errors import Faults, RequestError, invalid_keymap
from qmk_contract.keymap_config import config
from qmk_contract.keymap_macros import macro
from qmk_contract.keymap_values import items_of, normal

_ARRAYS_MAX = {
    "dip_switches": 32, "encoders": 32, "keycodes": 256, "macros": 256, "modules": 32,
}  # fmt: skip
#: Fields that are one name.
_WORDS = {"converter": r"[a-z0-9_]{1,64}", "host_language": r"[A-Za-z0-9_]{1,64}"}
_MODULE_LENGTH_MAX = 128
_MODULE = re.compile(r"[A-Za-z0-9_]{1,64}(?:/[A-Za-z0-9_]{1,64}){0,3}")
_KEYCODE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
BUILD_FIELDS = tuple(sorted((*_ARRAYS_MAX, *_WORDS, "config")))


def check_fields(body: Mapping[str, Any], faults: Faults) -> dict[str, Any]:
    """The build fields that are there, normalised; those with a fault are noted and left out."""
    checked: dict[str, Any] = {}
    for name in BUILD_FIELDS:
        if body.get(name) is None:
            continue
        try:
            checked[name] = _field(name, body[name], faults)
        except RequestError as error:
            faults.add(error.message)
    return checked


def _field(name: str, value: object, faults: Faults) -> Any:
    if name in _WORDS:
        if not isinstance(value, str) or not re.fullmatch(_WORDS[name], value):
            raise invalid_keymap(f"{name} must be the name of one that the firmware has")
        return value
    if name == "config":
        return config(value)
    items = items_of(name, value, _ARRAYS_MAX[name])
    if name in _BY_ITEM:
        return [_BY_ITEM[name](item, f"{name}[{index}]") for index, item in enumerate(items)]
    return [_switches(name, index, item, faults) for index, item in enumerate(items)]


def _module(value: object, where: str) -> str:
    fits = isinstance(value, str) and len(value) <= _MODULE_LENGTH_MAX
    if not fits or not _MODULE.fullmatch(str(value)):
        raise invalid_keymap(f"{where} must be a module that the firmware has")
    return str(value)


def _keycode_declaration(value: object, where: str) -> Any:
    """A keycode of the keymap's own: ends up in an enum and in macros of C.

    No more of it is kept than that: labels are for pages that show the keycode.
    """
    if not isinstance(value, Mapping):
        raise invalid_keymap(f"{where} must be an object with a key")
    aliases = value.get("aliases")
    if aliases is None:
        aliases = ()
    if not isinstance(aliases, list | tuple):
        raise invalid_keymap(f"{where}.aliases must be an array of names")
    named = [(f"{where}.key", value.get("key"))]
    named += [(f"{where}.aliases[{index}]", alias) for index, alias in enumerate(aliases)]
    for place, name in named:
        if not isinstance(name, str) or not _KEYCODE_NAME.fullmatch(name):
            raise invalid_keymap(f"{place} must be a name of letters, digits and '_'")
    made: dict[str, Any] = {"key": value["key"]}
    if aliases:
        made["aliases"] = list(aliases)
    return made


def _switches(name: str, index: int, value: object, faults: Faults) -> Any:
    """One layer's encoders, or one switch: keycodes by what is turned or switched."""
    layer = index if name == "encoders" else None

    def keycode(text: str, where: str) -> str:
        tidied = keycodes.tidy(text)
        fault = keycodes.fault(tidied) if tidied else "is no keycode"
        if fault is not None:
            faults.add(f"{where}: {tidied[:64]!r} {fault}", layer=layer, keycode=text)
        return tidied

    where = f"{name}[{index}]"
    if name == "encoders":
        for at, encoder in enumerate(items_of(where, value, None)):
            turns = isinstance(encoder, Mapping) and (encoder.get("ccw"), encoder.get("cw"))
            if not turns or not all(isinstance(turn, str) for turn in turns):
                raise invalid_keymap(f"{where}[{at}] must have the keycodes ccw and cw")
    return normal(value, where, keycode)


_BY_ITEM: Mapping[str, Callable[[object, str], Any]] = {
    "keycodes": _keycode_declaration,
    "macros": macro,
    "modules": _module,
}
