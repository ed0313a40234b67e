"""Keycodes that nothing declares, told wherever the request has them. Pure.

GCC tells of an undeclared name at the first place that has it, and of the others not at all.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from qmk_contract.result import DIAGNOSTICS_MAX, Diagnostic
from qmk_runner.keymap_source import KeymapSource

_TOLD = re.compile(r"(?:^|: )(?P<text>\W?(?P<name>[A-Za-z_]\w*)\W? undeclared\b.*)")
_NAME = re.compile(r"[A-Za-z_]\w*")
_TURNS = ("ccw", "cw")


def everywhere(
    found: Iterable[Diagnostic], source: KeymapSource, request: Mapping[str, Any]
) -> Iterator[Diagnostic]:
    """The same diagnostics, and behind each of an undeclared name those of its other places."""
    told: set[str] = set()
    places: dict[str, list[Diagnostic]] | None = None
    for item in found:
        yield item
        undeclared = _TOLD.search(item.message) if _is_of_a_keycode(item) else None
        if undeclared is None or undeclared["name"] in told:
            continue
        told.add(undeclared["name"])
        if places is None:
            places = _places(request)
        for place in islice(places.get(undeclared["name"], ()), DIAGNOSTICS_MAX):
            if not _is_same(place, item):
                yield _told(place, undeclared["text"], source)


def _is_of_a_keycode(item: Diagnostic) -> bool:
    return item.severity == "error" and item.file == "keymap.c" and item.keycode is not None


def _is_same(place: Diagnostic, item: Diagnostic) -> bool:
    if place.key is None and item.key is None:
        return item.message.startswith(f"{place.message}: ")
    return (place.layer, place.key) == (item.layer, item.key)


def _told(place: Diagnostic, text: str, source: KeymapSource) -> Diagnostic:
    if place.layer is None or place.key is None:
        return replace(place, message=f"{place.message}: {text}")
    there = source.key(place.layer, place.key)
    if there is None:
        return replace(place, message=text)
    return replace(place, message=text, line=there.line, column=there.column)


def _places(request: Mapping[str, Any]) -> dict[str, list[Diagnostic]]:
    """Where each name stands: the keys of all layers, then the encoders, as messages to be."""
    found: dict[str, list[Diagnostic]] = {}
    for place in (*_keys(request), *_encoders(request)):
        for name in set(_NAME.findall(place.keycode or "")):
            found.setdefault(name, []).append(place)
    return found


def _keys(request: Mapping[str, Any]) -> Iterator[Diagnostic]:
    for layer, keys in _numbered(request.get("layers")):
        for key, keycode in _numbered(keys):
            if isinstance(keycode, str):
                yield Diagnostic("error", "", "keymap.c", layer=layer, key=key, keycode=keycode)


def _encoders(request: Mapping[str, Any]) -> Iterator[Diagnostic]:
    for layer, encoders in _numbered(request.get("encoders")):
        for number, turns in _numbered(encoders):
            for turn in _TURNS:
                keycode = turns.get(turn) if isinstance(turns, Mapping) else None
                if isinstance(keycode, str):
                    part = f"encoders[{layer}][{number}].{turn}"
                    yield Diagnostic("error", part, "keymap.c", layer=layer, keycode=keycode)


def _numbered(value: Any) -> Iterator[tuple[int, Any]]:
    return enumerate(value if isinstance(value, list) else ())
