"""keymap.c as json2c writes it: which layer, key, encoder or macro a place in it is. Pure.

A layer is one line, "[n] = LAYOUT(key, key, …)", its keys in the order of the layout; encoders are
one line a layer too, "[n] = {ENCODER_CCW_CW(key, key), …}"; a macro is what follows its "case".
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qmk_contract.keycode_calls import calls
from qmk_contract.keycodes import as_written
from qmk_runner.layout_macros import Layout, layouts

_LAYER = re.compile(r"\s*\[(?P<layer>\d{1,9})\] = (?P<layout>\w+)\(")
_ENCODERS = re.compile(r"\s*\[(?P<layer>\d{1,9})\] = \{")
_MACRO = re.compile(r"\s*case (?:\w*?_)?(?P<macro>\d{1,9}):")
_LANGUAGE = re.compile(r"#include \"(?:keymap|sendstring)_\w+\.h\"")
_TURNS = b"ENCODER_CCW_CW("
_CHARACTER = re.compile(rb"'(?:\\.|[^'\\])'")


@dataclass(frozen=True)
class Place:
    """What somebody with a keymap knows a place by. ``part`` names what is no key of a layer."""

    line: int
    column: int | None
    layer: int | None = None
    key: int | None = None
    keycode: str | None = None
    part: str = ""


class KeymapSource:
    """One generated keymap.c, with the request that it was made from."""

    def __init__(self, keymap_c: bytes, header: bytes, request: Mapping[str, Any]) -> None:
        self._lines = keymap_c.split(b"\n")
        self._layouts = layouts(header.decode("utf-8", "replace"))
        self._request = request

    def at(self, line: int, column: int | None) -> Place:
        """The place that the compiler names."""
        text = self._line(line)
        if column is None or (start := _LAYER.match(text)) is None:
            return self._beside_layers(line, column)
        layer = int(start["layer"])
        key = _argument(text.encode(), start.end(), column)
        return Place(line, column, layer, key, self._keycode(layer, key))

    def in_matrix(self, layer: int, row: int, column: int) -> Place | None:
        """The key of a layer that is at a place of the matrix."""
        line, layout = self._layer(layer)
        return self._key(line, layer, layout.key_in_matrix(row, column)) if layout else None

    def in_header(self, layer: int, line: int, column: int) -> Place | None:
        """The key of a layer whose parameter is at a place of the header."""
        at, layout = self._layer(layer)
        return self._key(at, layer, layout.key_before(line, column)) if layout else None

    def calling(self, layer: int, function: str, arguments: int) -> Place | None:
        """The first key of a layer that calls a macro with a number of arguments."""
        row = self._request["layers"][layer] if layer < len(self._request["layers"]) else None
        for key, keycode in enumerate(row or ()):
            for call in calls(as_written(keycode or "")):
                if call.function == function and len(call.arguments) == arguments:
                    return self._key(self._layer(layer)[0], layer, key)
        return None

    def _key(self, line: int, layer: int, key: int | None) -> Place | None:
        if key is None:
            return None
        column = _column(self._line(line).encode(), key)
        return Place(line, column, layer, key, self._keycode(layer, key))

    def _layer(self, layer: int) -> tuple[int, Layout | None]:
        for number in range(1, len(self._lines) + 1):
            start = _LAYER.match(self._line(number))
            if start is not None and int(start["layer"]) == layer:
                return number, self._layouts.get(start["layout"])
        return 0, None

    def _beside_layers(self, line: int, column: int | None) -> Place:
        if _LANGUAGE.match(self._line(line)):
            return Place(line, column, part="host_language")
        for number in range(min(line, len(self._lines)), 0, -1):
            text = self._line(number)
            if (case := _MACRO.match(text)) is not None:
                return Place(line, column, part=f"macros[{case['macro']}]")
            if " encoder_map[" in text:
                return self._encoder(line, column)
            if " dip_switch_map[" in text:
                return Place(line, column, part="dip_switches")
            if " keymaps[" in text:
                break
        return Place(line, column)

    def _encoder(self, line: int, column: int | None) -> Place:
        start = _ENCODERS.match(self._line(line))
        if start is None or column is None:
            return Place(line, column, part="encoders")
        layer = int(start["layer"])
        text = self._line(line).encode()
        encoder = _argument(text, start.end(), column)
        if encoder is None:
            return Place(line, column, layer, part=f"encoders[{layer}]")
        call = text.rfind(_TURNS, 0, column)
        turn = "ccw" if _argument(text, call + len(_TURNS), column) == 0 else "cw"
        keycode = _inside(self._request, "encoders", layer, encoder, turn)
        return Place(line, column, layer, None, keycode, f"encoders[{layer}][{encoder}].{turn}")

    def _keycode(self, layer: int, key: int | None) -> str | None:
        return None if key is None else _inside(self._request, "layers", layer, key)

    def _line(self, number: int) -> str:
        if not 0 < number <= len(self._lines):
            return ""
        return self._lines[number - 1].decode("utf-8", "replace")


def _inside(value: Any, *path: str | int) -> str | None:
    try:
        for step in path:
            value = value[step]
    except (LookupError, TypeError):
        return None
    return value if isinstance(value, str) else None


def _argument(line: bytes, start: int, column: int) -> int | None:
    """Which argument a column (from 1, in bytes) is in, of those that begin at ``start``."""
    if column - 1 < start:
        return None
    plain = _CHARACTER.sub(lambda found: b"0" * len(found[0]), line)
    depth = count = 0
    for character in plain[start : column - 1].decode("latin-1"):
        depth += (character in "([") - (character in ")]")
        count += character == "," and depth == 0
    closes = depth == 0 and plain[column - 1 : column] in (b")", b"}")
    return None if depth < 0 or closes else count


def _column(line: bytes, key: int) -> int | None:
    """Where a layer's key begins, from 1, in bytes."""
    start = _LAYER.match(line.decode("utf-8", "replace"))
    if start is None:
        return None
    for column in range(start.end() + 1, len(line) + 1):
        if _argument(line, start.end(), column) == key and line[column - 1 : column] not in b", ":
            return column
    return None
