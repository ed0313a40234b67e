"""keymap.c as json2c writes it: which layer, key, encoder or macro a place in it is. Pure.

A layer is one line, "[n] = LAYOUT(key, key, …)", its keys in the order of the layout; encoders are
one line a layer too, "[n] = {ENCODER_CCW_CW(key, key), …}"; a macro is what follows its "case". A
build has made the file, so anything can be in it.
"""

import bisect
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from qmk_contract.keycode_calls import calls
from qmk_contract.keycodes import as_written
from qmk_runner.call_arguments import CallArguments
from qmk_runner.layout_macros import Layout, layouts

#: Lines by which the lines after them are told apart; the last group is what is indented.
_MARK = re.compile(
    rb"#include \"(?P<language>keymap|sendstring)_\w+\.h\""
    rb"|.{0,200} (?P<table>keymaps|encoder_map|dip_switch_map)\["
    rb"|[ \t]{0,40}case (?:\w{0,40}_)?(?P<macro>\d{1,9}):"
)
_LAYER = re.compile(rb"[ \t]{0,40}\[(?P<layer>\d{1,9})\] = (?P<layout>\w+)\(")
_ENCODERS = re.compile(rb"[ \t]{0,40}\[(?P<layer>\d{1,9})\] = \{")
_TURNS = b"ENCODER_CCW_CW("
_MACRO_PART = re.compile(r"macros\[(\d+)\]")


@dataclass(frozen=True)
class Place:
    """What somebody with a keymap knows a place by. ``part`` names what is no key of a layer."""

    line: int
    column: int | None
    layer: int | None = None
    key: int | None = None
    keycode: str | None = None
    part: str = ""


@dataclass(frozen=True)
class _LayerLine:
    """A line that holds a layer; its keys begin at ``start``, from 0."""

    layer: int
    layout: str
    start: int


class KeymapSource:
    """One generated keymap.c, with the request that it was made from."""

    def __init__(self, keymap_c: bytes, header: bytes, request: Mapping[str, Any]) -> None:
        self._lines = keymap_c.split(b"\n")
        self._layouts = layouts(header.decode("utf-8", "replace"))
        self._request = request
        self._layers: dict[int, _LayerLine] = {}
        self._layer_lines: dict[int, int] = {}
        self._marks: list[tuple[int, str]] = []
        #: By line and where they begin; by layer, function and number of arguments.
        self._arguments: dict[tuple[int, int], CallArguments] = {}
        self._callers: dict[int, dict[tuple[str, int], int]] = {}
        for number, text in enumerate(self._lines, start=1):
            if layer := _LAYER.match(text):
                found = _LayerLine(int(layer["layer"]), layer["layout"].decode(), layer.end())
                self._layers[number] = found
                self._layer_lines.setdefault(found.layer, number)
            elif mark := _MARK.match(text):
                self._marks.append((number, _part(mark)))

    @property
    def layer_count(self) -> int:
        return len(self._request["layers"])

    def at(self, line: int, column: int | None) -> Place:
        """The place that the compiler names."""
        if column is None or (found := self._layers.get(line)) is None:
            return self._beside_layers(line, column)
        key = self._argument(line, found.start, column)
        return Place(line, column, found.layer, key, self._keycode(found.layer, key))

    def key(self, layer: int, key: int | None) -> Place | None:
        """The place of a key; None only where there is no key to be found."""
        if key is None:
            return None
        line = self._layer_lines.get(layer, 0)
        column = None
        if (found := self._layers.get(line)) is not None:
            begin = self._arguments_in(line, found.start).begin(key)
            column = None if begin is None else found.start + begin + 1
        return Place(line, column, layer, key, self._keycode(layer, key))

    def in_matrix(self, layer: int, row: int, column: int) -> Place | None:
        """The key of a layer that is at a place of the matrix."""
        layout = self._layout(layer)
        return self.key(layer, layout.key_in_matrix(row, column)) if layout else None

    def in_header(self, layer: int, line: int, column: int) -> Place | None:
        """The key of a layer whose parameter is at a place of the header."""
        layout = self._layout(layer)
        return self.key(layer, layout.key_before(line, column)) if layout else None

    def calling(self, layer: int, function: str, arguments: int) -> Place | None:
        """The first key of a layer that calls a macro with a number of arguments."""
        if layer not in self._callers:
            self._callers[layer] = _callers(_inside(self._request, "layers", layer) or ())
        return self.key(layer, self._callers[layer].get((function, arguments)))

    def explained(self, place: Place, text: str) -> str:
        """A message about what is no key of a layer, in words of the request where it has none."""
        macro = _MACRO_PART.fullmatch(place.part)
        if macro is None or not text.startswith("\\x used with no"):
            return text
        steps = _inside(self._request, "macros", int(macro[1])) or ()
        names = [name for step in steps for name in _inside(step, "keycodes") or ()]
        return f"not all of these are keys that a macro can press: {', '.join(names)}"

    def _layout(self, layer: int) -> Layout | None:
        found = self._layers.get(self._layer_lines.get(layer, 0))
        return None if found is None else self._layouts.get(found.layout)

    def _argument(self, line: int, start: int, column: int, end: int | None = None) -> int | None:
        """Which argument a column (from 1, in bytes) is in, of those that begin at ``start``."""
        return self._arguments_in(line, start, end).at(column - 1 - start)

    def _arguments_in(self, line: int, start: int, end: int | None = None) -> CallArguments:
        if (line, start) not in self._arguments:
            self._arguments[line, start] = CallArguments.of(self._line(line)[start:end])
        return self._arguments[line, start]

    def _beside_layers(self, line: int, column: int | None) -> Place:
        before = bisect.bisect_right(self._marks, line, key=lambda mark: mark[0])
        number, part = self._marks[before - 1] if before else (0, "")
        if part == "encoders":
            return self._encoder(line, column)
        if part == "host_language" and number != line:
            return Place(line, column)
        return Place(line, column, part=part)

    def _encoder(self, line: int, column: int | None) -> Place:
        text = self._line(line)
        start = _ENCODERS.match(text)
        if start is None or column is None:
            return Place(line, column, part="encoders")
        layer = int(start["layer"])
        encoder = self._argument(line, start.end(), column)
        if encoder is None:
            return Place(line, column, layer, part=f"encoders[{layer}]")
        turns = text.rfind(_TURNS, 0, column) + len(_TURNS)
        following = text.find(_TURNS, turns)
        end = None if following < 0 else following + len(_TURNS)
        turn = "ccw" if self._argument(line, turns, column, end) == 0 else "cw"
        keycode = _inside(self._request, "encoders", layer, encoder, turn)
        return Place(line, column, layer, None, keycode, f"encoders[{layer}][{encoder}].{turn}")

    def _keycode(self, layer: int, key: int | None) -> str | None:
        return None if key is None else _inside(self._request, "layers", layer, key)

    def _line(self, number: int) -> bytes:
        return self._lines[number - 1] if 0 < number <= len(self._lines) else b""


def _callers(keycodes: Iterable[str | None]) -> dict[tuple[str, int], int]:
    """The first key that calls each function with each number of arguments."""
    found: dict[tuple[str, int], int] = {}
    for key, keycode in enumerate(keycodes):
        for call in calls(as_written(keycode or "")):
            found.setdefault((call.function, len(call.arguments)), key)
    return found


def _part(mark: re.Match[bytes]) -> str:
    if mark["macro"]:
        return f"macros[{int(mark['macro'])}]"
    if mark["table"]:
        return {b"encoder_map": "encoders", b"dip_switch_map": "dip_switches"}.get(
            mark["table"], ""
        )
    return "host_language"


def _inside(value: Any, *path: str | int) -> Any:
    """What is at a path in JSON; None where nothing is."""
    try:
        for step in path:
            value = value[step]
    except (LookupError, TypeError):
        return None
    return value
