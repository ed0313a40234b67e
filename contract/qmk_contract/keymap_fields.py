"""The fields of QMK's keymap schema beside layout and layers, checked by allow-list.

What ends up as C, as make's text or in a path is as narrow as a keycode or a word. Numbers are
brought to the one form in which Kubernetes gives them back, so that a build's key does not depend
on who computes it.
"""

import re
from collections.abc import Mapping
from typing import Any

from qmk_contract import keycodes
from qmk_contract.errors import invalid_keymap

DEPTH_MAX = 8
_TEXT_MAX = 4096
#: What every reader of JSON keeps exactly (https://www.rfc-editor.org/rfc/rfc8259#section-6).
EXACT_INTEGER_MAX = 2**53 - 1
_ARRAYS_MAX = {
    "dip_switches": 32, "encoders": 32, "keycodes": 256, "macros": 256, "modules": 32,
}  # fmt: skip
#: Fields that are one name.
_WORDS = {"converter": r"[a-z0-9_]{1,64}", "host_language": r"[A-Za-z0-9_]{1,64}"}
_TYPED = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]*")
_WORD = re.compile(r"[A-Za-z0-9_]{1,256}")
_LABEL = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff\"'\\#{}]*")
_MAKE_TEXT = re.compile(r"(?!.*\.\.)[A-Za-z0-9_ ,.:()|<>+*/-]*")
_MODULE_LENGTH_MAX = 128
_CONFIG_MAX = 64
_MODULE = re.compile(r"[A-Za-z0-9_]{1,64}(?:/[A-Za-z0-9_]{1,64}){0,3}")
BUILD_FIELDS = tuple(sorted((*_ARRAYS_MAX, *_WORDS, "config")))


def check_fields(body: Mapping[str, Any]) -> dict[str, Any]:
    """The build fields that are there, normalised.

    Raises:
        RequestError: one of them has a form that no build could take.
    """
    given = {name: body[name] for name in BUILD_FIELDS if body.get(name) is not None}
    for name, value in given.items():
        _check_kind(name, value)
    return {name: _normal(name, value, name, DEPTH_MAX) for name, value in given.items()}


def _check_kind(name: str, value: object) -> None:
    if name in _WORDS:
        if not isinstance(value, str) or not re.fullmatch(_WORDS[name], value):
            raise invalid_keymap(f"{name} must be the name of one that the firmware has")
    elif name == "config":
        if not isinstance(value, Mapping):
            raise invalid_keymap("config must be an object")
        if len(value) > _CONFIG_MAX:
            raise invalid_keymap(f"config has more than {_CONFIG_MAX} fields")
    else:
        _check_array(name, value)


def _check_array(name: str, value: object) -> None:
    if not isinstance(value, list | tuple):
        raise invalid_keymap(f"{name} must be an array")
    if len(value) > _ARRAYS_MAX[name]:
        raise invalid_keymap(f"{name} has more than {_ARRAYS_MAX[name]} items")
    for index, item in enumerate(value):
        if item is None:
            raise invalid_keymap(f"{name}[{index}] must not be null")
    if name == "modules":
        for index, item in enumerate(value):
            fits = isinstance(item, str) and len(item) <= _MODULE_LENGTH_MAX
            if not fits or not _MODULE.fullmatch(item):
                raise invalid_keymap(f"modules[{index}] must be a module that the firmware has")


def _normal(name: str, value: Any, where: str, depth: int, inside: bool = False) -> Any:
    """``inside`` tells that an object holds the value."""
    if depth == 0:
        raise invalid_keymap(f"{where} is nested too deeply")
    if isinstance(value, Mapping):
        for key in value:
            _check_text(name, key, where, inside=True)
        if name == "macros":
            _check_macro_step(value, where)
        return {
            key: _normal(name, item, f"{where}.{key}", depth - 1, inside=True)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple):
        return [
            _normal(name, item, f"{where}[{index}]", depth - 1, inside)
            for index, item in enumerate(value)
        ]
    if isinstance(value, str):
        _check_text(name, value, where, inside)
        return value
    return _number(value, where) if isinstance(value, float | int) else value


def _check_macro_step(step: Mapping[str, Any], where: str) -> None:
    """An object of a macro; what its strings may hold is checked with all others."""
    codes = step.get("keycodes", ())
    if not isinstance(codes, list | tuple) or not all(isinstance(code, str) for code in codes):
        raise invalid_keymap(f"{where}.keycodes must be an array of keycodes")
    if not isinstance(step.get("action", ""), str):
        raise invalid_keymap(f"{where}.action must be a word")
    duration = step.get("duration", 0)
    whole = isinstance(duration, int) or (isinstance(duration, float) and duration.is_integer())
    if isinstance(duration, bool) or not whole:
        raise invalid_keymap(f"{where}.duration must be a whole number")


def _number(value: float, where: str) -> float | int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value != value or abs(value) > EXACT_INTEGER_MAX:
        raise invalid_keymap(f"{where} is a number that cannot be kept exactly")
    return value


def _check_text(name: str, text: str, where: str, inside: bool) -> None:
    if len(text) > _TEXT_MAX or not _allowed(name, text, inside):
        raise invalid_keymap(f"{where} has a character or a length that is not allowed there")


def _allowed(name: str, text: str, inside: bool) -> bool:
    if name in ("dip_switches", "encoders"):
        tidied = keycodes.tidy(text)
        return not tidied or keycodes.fault(tidied) is None
    if name == "macros":  # a string is typed text, what an object holds is a word
        return (_WORD if inside else _TYPED).fullmatch(text) is not None
    return (_LABEL if name == "keycodes" else _MAKE_TEXT).fullmatch(text) is not None
