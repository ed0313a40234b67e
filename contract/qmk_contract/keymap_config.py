"""The ``config`` of a keymap: settings that QMK writes into rules.mk and config.h.

QMK's own schema does not narrow all of their texts, and some of make's variables are arguments of
a shell (`WEAR_LEVELING_DRIVER` is one, in builddefs/common_features.mk). So a text is one word, by
which no program, option or path can be named; only the names that a keyboard shows to people, which
are strings of C, have blanks.
"""

import re
from collections.abc import Mapping
from typing import Any

from qmk_contract.errors import invalid_keymap
from qmk_contract.keymap_values import matching, normal

_FIELDS_MAX = 64
_WORD = re.compile(r"(?:[A-Za-z0-9_](?!.*\.\.)[A-Za-z0-9_.-]{0,127})?")
_PROSE = re.compile(r"(?!.*\.\.)[A-Za-z0-9_ ,.:()+/-]{0,250}")
#: Fields that people read, in any firmware.
_READ_BY_PEOPLE = frozenset({"keyboard_name", "maintainer", "manufacturer", "url"})


def config(value: object) -> Any:
    """The settings, normalised.

    Raises:
        RequestError: one of them is none that could be a keyboard's.
    """
    if not isinstance(value, Mapping):
        raise invalid_keymap("config must be an object")
    if len(value) > _FIELDS_MAX:
        raise invalid_keymap(f"config has more than {_FIELDS_MAX} fields")
    return normal(value, "config", _text)


def _text(text: str, where: str) -> str:
    read_by_people = where.removeprefix("config.") in _READ_BY_PEOPLE
    return matching(text, where, _PROSE if read_by_people else _WORD)
