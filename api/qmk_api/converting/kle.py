"""Layouts of Keyboard Layout Editor, from its raw data to keys in QMK's terms.

The format is what http://www.keyboard-layout-editor.com itself reads, its ``serial.js``: an
optional object about the keyboard, then rows. A text in a row is a key; an object before it says
how that key differs from the one before. Positions are relative to the key before, in key units;
``r``, ``rx`` and ``ry`` turn the coordinate system of all rows from there on.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KEYS_MAX = 1000
#: Key units. The editor itself ends at 36.
DISTANCE_MAX = 1000
SIZE_MAX = 100
DEGREES_MAX = 360
#: Decimal places; the editor writes no more.
PLACES = 4
_ROTATION = ("r", "rx", "ry")


class KleError(ValueError):
    """Raw data that has no meaning. The text says where, rows and items counted from 1."""


@dataclass(frozen=True)
class Key:
    """A key. Positions, sizes and the centre of rotation are key units, ``r`` is degrees.

    ``x`` and ``y`` are where its upper left corner would be without the rotation.
    """

    label: str
    x: float
    y: float
    w: float
    h: float
    r: float = 0
    rx: float = 0
    ry: float = 0


@dataclass(frozen=True)
class Layout:
    """A keyboard's name and its keys, in the order of the raw data."""

    name: str
    keys: tuple[Key, ...]


@dataclass
class _Cursor:
    """Where the next key goes, and what it is like."""

    x: float = 0
    y: float = 0
    w: float = 1
    h: float = 1
    x2: float = 0
    y2: float = 0
    w2: float = 1
    h2: float = 1
    r: float = 0
    rx: float = 0
    ry: float = 0
    decal: bool = False

    def change(self, item: Mapping[str, Any]) -> None:
        self.r = _number(item, "r", DEGREES_MAX, self.r)
        if item.get("rx") is not None or item.get("ry") is not None:
            self.x = self.rx = _number(item, "rx", DISTANCE_MAX, self.rx)
            self.y = self.ry = _number(item, "ry", DISTANCE_MAX, self.ry)
        self.x += _number(item, "x", DISTANCE_MAX, 0)
        self.y += _number(item, "y", DISTANCE_MAX, 0)
        if item.get("w"):
            self.w = self.w2 = _size(item, "w", self.w)
        if item.get("h"):
            self.h = self.h2 = _size(item, "h", self.h)
        self.x2 = _number(item, "x2", SIZE_MAX, self.x2)
        self.y2 = _number(item, "y2", SIZE_MAX, self.y2)
        self.w2 = _size(item, "w2", self.w2)
        self.h2 = _size(item, "h2", self.h2)
        self.decal = bool(item.get("d", self.decal))

    def key(self, legends: str) -> Key:
        """The key here. Of one that is made of two rectangles, the larger counts."""
        label = _text(legends, "a key").partition("\n")[0]
        x, y = _within(self.x, "x", DISTANCE_MAX), _within(self.y, "y", DISTANCE_MAX)
        w, h = self.w, self.h
        if self.w2 * self.h2 > w * h:
            x, y, w, h = x + self.x2, y + self.y2, self.w2, self.h2
        rx, ry = (self.rx, self.ry) if self.r else (0, 0)
        return Key(label, x, y, w, h, self.r, rx, ry)

    def to_next_key(self) -> None:
        self.x += self.w
        self.w = self.h = self.w2 = self.h2 = 1
        self.x2 = self.y2 = 0
        self.decal = False

    def to_next_row(self) -> None:
        self.x = self.rx
        self.y += 1


def read_layout(rows: Any) -> Layout:
    """Follow raw data to its keys; decals are none.

    Raises:
        KleError: it is no raw data, or has no keys or too many.
    """
    if not isinstance(rows, list):
        raise KleError("raw data must be a list of rows")
    about: Any = rows[0] if rows and isinstance(rows[0], dict) else None
    name = "" if about is None else _text(about.get("name") or "", "name")
    cursor = _Cursor()
    keys: list[Key] = []
    for number, row in enumerate(rows if about is None else rows[1:], 1):
        if not isinstance(row, list):
            raise KleError(f"row {number} must be a list")
        for place, item in enumerate(row, 1):
            try:
                _take(cursor, item, keys, first=place == 1)
            except KleError as error:
                raise KleError(f"row {number}, item {place}: {error}") from error
        cursor.to_next_row()
    if not keys:
        raise KleError("there are no keys")
    return Layout(name, _not_negative(keys))


def _take(cursor: _Cursor, item: Any, keys: list[Key], *, first: bool) -> None:
    if isinstance(item, dict):
        if not first and any(item.get(name) is not None for name in _ROTATION):
            raise KleError("only the first item of a row may have r, rx or ry")
        cursor.change(item)
        return
    key = cursor.key(item)
    if not cursor.decal:
        if len(keys) == KEYS_MAX:
            raise KleError(f"there are more than {KEYS_MAX} keys")
        keys.append(key)
    cursor.to_next_key()


def _not_negative(keys: list[Key]) -> tuple[Key, ...]:
    """Keys moved together, if need be: QMK has no negative positions. Rounded."""
    left = min(0, *(min(key.x, key.rx) for key in keys))
    top = min(0, *(min(key.y, key.ry) for key in keys))

    def moved(key: Key) -> Key:
        centre = (key.rx - left, key.ry - top) if key.r else (0, 0)
        place = (key.x - left, key.y - top, key.w, key.h, key.r, *centre)
        return Key(key.label, *(round(number, PLACES) + 0 for number in place))

    return tuple(moved(key) for key in keys)


def _number(item: Mapping[str, Any], name: str, most: float, default: float) -> float:
    value = item.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise KleError(f"{name} must be a number")
    return _within(value, name, most)


def _within(value: float, name: str, most: float) -> float:
    if not -most <= value <= most:  # nor is what is no number at all
        raise KleError(f"{name} must be from -{most} to {most}")
    return value


def _size(item: Mapping[str, Any], name: str, default: float) -> float:
    """A width or height; 0 is not given."""
    value = _number(item, name, SIZE_MAX, default) or default
    if value < 0:
        raise KleError(f"{name} must not be negative")
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise KleError(f"{name} must be a text")
    try:
        value.encode()
    except UnicodeError as error:  # half of a surrogate pair
        raise KleError(f"{name} must be Unicode text") from error
    return value
