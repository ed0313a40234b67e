"""The ``config`` of a keymap: settings that QMK writes into rules.mk and config.h.

QMK's own schema does not narrow all of their texts, and some of make's variables are arguments of
a shell (`WEAR_LEVELING_DRIVER` is one, in builddefs/common_features.mk). So a text is one word, by
which no program, option or path can be named; only the names that a keyboard tells the computer may
have blanks. Generators of the firmware write them as strings of C, one without escaping anything
(lib/python/qmk/cli/generate/dfu_header.py), so they have nothing that would need it.
"""

import re
from collections.abc import Mapping
from typing import Any

from qmk_contract.errors import invalid_keymap
from qmk_contract.keymap_values import matching, normal

_FIELDS_MAX = 64
_WORD = re.compile(r"(?:[A-Za-z0-9_](?!.*\.\.)[A-Za-z0-9_.-]{0,127})?")
_PROSE = re.compile(r"(?!.*\.\.)[\w ,.:()\[\]'%&!@+/-]{0,250}")
#: Names that a computer shows to people.
_SHOWN = frozenset({"keyboard_name", "manufacturer"})
#: Fields about a keyboard that no firmware is made of, so they may hold anything.
_NOT_BUILT = frozenset({"bootloader_instructions", "maintainer", "meta", "tags", "url"})


def config(value: object) -> Any:
    """The settings, normalised, without those that no firmware is made of.

    Raises:
        RequestError: one of them is none that could be a keyboard's.
    """
    if not isinstance(value, Mapping):
        raise invalid_keymap("config must be an object")
    if len(value) > _FIELDS_MAX:
        raise invalid_keymap(f"config has more than {_FIELDS_MAX} fields")
    built = {name: item for name, item in value.items() if name not in _NOT_BUILT}
    return normal(built, "config", _text)


def _text(text: str, where: str) -> str:
    shown = where.removeprefix("config.") in _SHOWN
    return matching(text, where, _PROSE if shown else _WORD)
