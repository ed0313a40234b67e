"""Macros of a keymap: texts to type, and steps that name keys or wait."""

import re
from collections.abc import Mapping
from typing import Any

from qmk_contract.errors import invalid_keymap
from qmk_contract.keymap_values import items_of, matching, number

_ACTIONS = ("beep", "delay", "down", "tap", "up")
_PRESSES = ("down", "tap", "up")
_TYPED = re.compile(r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]*")
_WORD = re.compile(r"[A-Za-z0-9_]{1,64}")
_STEPS_MAX = 1024
_FIELDS = frozenset({"action", "keycodes", "duration"})


def macro(value: object, where: str) -> list[Any]:
    """One macro, its line ends as line feeds, as json2c takes all of them.

    Steps with an empty list of keycodes are left out: json2c writes nothing for them.

    Raises:
        RequestError: it has a step that json2c cannot write.
    """
    steps = items_of(where, value, _STEPS_MAX)
    read = [(index, _step(step, f"{where}[{index}]")) for index, step in enumerate(steps)]
    kept = [(index, step) for index, step in read if not _writes_nothing(step)]
    made = [step for _, step in kept]
    if not any(made):
        raise invalid_keymap(f"{where} does nothing, and QMK cannot build such a macro")
    for at, (index, step) in enumerate(kept, 1):
        after = made[at] if at < len(made) else None
        # json2c leaves out "" wherever it stands in the text that it has written, so also where
        # an escaped quotation mark and the end of its string meet.
        if isinstance(step, str) and step.endswith('"') and not (after and isinstance(after, str)):
            raise invalid_keymap(
                f"{where}[{index}] ends with a quotation mark, which QMK cannot write there: "
                "let a text follow, or type the mark by its key"
            )
    return made


def _step(step: object, where: str) -> Any:
    if isinstance(step, str):
        return matching(step, where, _TYPED).replace("\r\n", "\n").replace("\r", "\n")
    if not isinstance(step, Mapping) or set(step) - _FIELDS:
        raise invalid_keymap(f"{where} must be a text, or an object with an action")
    action = step.get("action")
    if action not in _ACTIONS:
        raise invalid_keymap(f"{where}.action must be one of {', '.join(_ACTIONS)}")
    made: dict[str, Any] = {"action": action}
    if action == "delay" or "duration" in step:
        made["duration"] = _duration(step.get("duration"), f"{where}.duration")
    if action in _PRESSES or "keycodes" in step:
        made["keycodes"] = _keycodes(step.get("keycodes"), f"{where}.keycodes")
    return made


def _writes_nothing(step: Any) -> bool:
    return isinstance(step, dict) and step["action"] in _PRESSES and not step["keycodes"]


def _duration(value: object, where: str) -> int:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    if isinstance(value, bool) or not isinstance(value, int | float) or not whole or value < 0:
        raise invalid_keymap(f"{where} must be a whole number of milliseconds")
    return int(number(value, where))


def _keycodes(value: object, where: str) -> list[str]:
    codes = items_of(where, value, _STEPS_MAX)
    for index, code in enumerate(codes):
        if not isinstance(code, str) or not _WORD.fullmatch(code):
            raise invalid_keymap(f"{where}[{index}] must be the name of a keycode, such as ENTER")
    return [str(code) for code in codes]
