"""JSON values of a keymap's fields, brought to one form.

Numbers get the one form in which Kubernetes gives them back, so that a build's key does not depend
on who computes it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from qmk_contract.errors import invalid_keymap

DEPTH_MAX = 8
TEXT_MAX = 4096
#: What every reader of JSON keeps exactly (https://www.rfc-editor.org/rfc/rfc8259#section-6).
EXACT_INTEGER_MAX = 2**53 - 1

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
#: From a text and where it stands to the text that is kept; raises RequestError.
Text = Callable[[str, str], str]


def normal(value: Any, where: str, text: Text, depth: int = DEPTH_MAX) -> Any:
    """The value with whole numbers as integers, tuples as lists, and texts as ``text`` has them.

    Raises:
        RequestError: a number that is not exact, a name that no field has, too deep nesting.
    """
    if depth == 0:
        raise invalid_keymap(f"{where} is nested too deeply")
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str) or not _NAME.fullmatch(key):
                raise invalid_keymap(f"{where} has a name that no field has")
        return {key: normal(item, f"{where}.{key}", text, depth - 1) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [
            normal(item, f"{where}[{index}]", text, depth - 1) for index, item in enumerate(value)
        ]
    if isinstance(value, str):
        return text(value, where)
    return number(value, where) if isinstance(value, float | int) else value


def matching(text: str, where: str, pattern: re.Pattern[str]) -> str:
    """The text, if all of it matches.

    Raises:
        RequestError: it does not, or is too long.
    """
    if len(text) > TEXT_MAX or not pattern.fullmatch(text):
        raise invalid_keymap(f"{where} has a character or a length that is not allowed there")
    return text


def number(value: float, where: str) -> float | int:
    """A number of one form.

    Raises:
        RequestError: readers of JSON differ about it.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value != value or abs(value) > EXACT_INTEGER_MAX:
        raise invalid_keymap(f"{where} is a number that cannot be kept exactly")
    return value


def items_of(where: str, value: object, items_max: int | None) -> Sequence[Any]:
    """An array's items, none of them null.

    Raises:
        RequestError: it is no array, or too long.
    """
    if not isinstance(value, list | tuple):
        raise invalid_keymap(f"{where} must be an array")
    if items_max is not None and len(value) > items_max:
        raise invalid_keymap(f"{where} has more than {items_max} items")
    for index, item in enumerate(value):
        if item is None:
            raise invalid_keymap(f"{where}[{index}] must not be null")
    return value
