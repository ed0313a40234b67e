"""What a build printed, as errors and warnings with the layer and key that they are about. Pure."""

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from qmk_contract.keymap_warnings import warnings
from qmk_contract.result import DIAGNOSTICS_MAX, Diagnostic
from qmk_runner import gcc_messages, tree_messages, undeclared
from qmk_runner.gcc_messages import Location, Message, spoken
from qmk_runner.keymap_source import KeymapSource, Place

_MESSAGE_LENGTH_MAX = 512
_FILE_LENGTH_MAX = 255
_KEYCODE_LENGTH_MAX = 256
#: What a build prints can be made of nothing but messages.
_MESSAGES_MAX = 200
#: Files that the build makes of the request, by the field that they come from.
_GENERATED = {
    "keymap.c": "", "default_keyboard.h": "", "keymap.h": "keycodes", "config.h": "config",
}  # fmt: skip
_GENERATED_FILE = re.compile(r"(?:^|/)\.build/obj_[^/]+/src/(?P<name>[^/]+)$")
_IN_MATRIX = re.compile(
    r"near initialization for \W?keymaps\[(\d{1,3})\]\[(\d{1,3})\]\[(\d{1,3})\]"
)
_ARGUMENTS = re.compile(
    r"macro \W?(?P<macro>\w+)\W? (?:passed (?P<passed>\d{1,4}) arguments"
    r"|requires \d{1,4} arguments, but only (?P<given>\d{1,4}) given)"
)
#: Without one of them the compiler leaves out what json2c has made of the encoders.
_ENCODER_MAP = frozenset({b"-DENCODER_ENABLE", b"-DENCODER_MAP_ENABLE"})
_OVERFLOW = re.compile(r"region \W?(?P<region>\w+)\W? overflowed by (?P<bytes>\d+) bytes")
_ASSERTION = re.compile(r"static assertion failed: \"?(?P<text>[^\"]+)\"?")


def parse(
    log: str, keymap_c: bytes, header: bytes, request: Mapping[str, Any], flags: bytes = b""
) -> tuple[Diagnostic, ...]:
    """The messages of a build, errors first, at most DIAGNOSTICS_MAX.

    ``keymap_c`` and ``header`` are the generated keymap.c and default_keyboard.h, empty where there
    are none, ``request`` the keymap document that they were generated from. ``flags`` are those of
    the compiler, empty where they are not known.
    """
    said = spoken(log)
    source = KeymapSource(keymap_c, header, request)
    told = itertools.islice(gcc_messages.messages(said), _MESSAGES_MAX)
    compiled = (_diagnostic(message, source) for message in told)
    found = itertools.chain(
        _once_a_place(undeclared.everywhere(compiled, source, request)),
        tree_messages.diagnostics(log, said, request),
        warnings(request),
        _without_effect(keymap_c, flags, request),
    )
    errors: dict[Diagnostic, None] = {}
    others: dict[Diagnostic, None] = {}
    for item in found:
        (errors if item.severity == "error" else others)[_short(item)] = None
        if len(errors) == DIAGNOSTICS_MAX:  # no more are told, and nothing else
            break
    return (*errors, *others)[:DIAGNOSTICS_MAX]


def _diagnostic(message: Message, source: KeymapSource) -> Diagnostic:
    text = _text(message, source)
    location = message.location
    if location is None:
        return Diagnostic(message.severity, text)
    name = _generated(location.file)
    if (place := _place(message, source)) is not None:
        told = f"{place.part}: {source.explained(place, text)}" if place.part else text
        return Diagnostic(
            message.severity, told[:_MESSAGE_LENGTH_MAX], "keymap.c", place.line, place.column,
            place.layer, place.key, place.keycode,
        )  # fmt: skip
    if name is not None and _GENERATED[name]:
        text = f"{_GENERATED[name]}: {text}"[:_MESSAGE_LENGTH_MAX]
    return Diagnostic(message.severity, text, name or location.file, location.line, location.column)


def _place(message: Message, source: KeymapSource) -> Place | None:
    """Where in the keymap a message's cause is: the nearest place that has a key."""
    locations = [message.location, *(note.location for note in message.notes)]
    in_keymap = [
        source.at(at.line, at.column)
        for at in locations
        if at is not None and at.line is not None and _generated(at.file) == "keymap.c"
    ]
    exact = next((place for place in in_keymap if place.key is not None), None)
    if exact is not None:
        return exact
    for note in message.notes:
        if (cell := _IN_MATRIX.search(note.text)) is not None:
            layer, row, column = (int(number) for number in cell.groups())
            if (place := source.in_matrix(layer, row, column)) is not None:
                return place
    first = in_keymap[0] if in_keymap else None
    if first is None or first.layer is None or first.part:
        return first
    return (
        _of_call(first.layer, message, source) or _of_parameter(first, locations, source) or first
    )


def _of_call(layer: int, message: Message, source: KeymapSource) -> Place | None:
    """The key of a call with too few or too many arguments: GCC tells the end of its layer."""
    called = _ARGUMENTS.match(message.text)
    if called is None:
        return None
    return source.calling(layer, called["macro"], int(called["passed"] or called["given"]))


def _of_parameter(
    first: Place, locations: Iterable[Location | None], source: KeymapSource
) -> Place | None:
    """The key whose parameter of the layout's macro is what the compiler stumbled at."""
    for at in locations:
        in_header = at is not None and _generated(at.file) == "default_keyboard.h"
        if at is None or not in_header or at.line is None or at.column is None:
            continue
        if first.layer is not None:
            return source.in_header(first.layer, at.line, at.column)
    return None


def _generated(file: str) -> str | None:
    found = _GENERATED_FILE.search(file)
    return found["name"] if found and found["name"] in _GENERATED else None


def _text(message: Message, source: KeymapSource) -> str:
    text = message.text
    if assertion := _ASSERTION.match(text):
        text = assertion["text"].replace("\\'", "'")
        if "layers" in text:
            text += f"; the keymap has {source.layer_count}"
    elif overflow := _OVERFLOW.match(text):
        memory = "RAM" if overflow["region"].startswith(("data", "ram")) else "flash"
        text = (
            f"the firmware needs {overflow['bytes']} bytes of {memory} more than there are: {text}"
        )
    return text[:_MESSAGE_LENGTH_MAX]


def _once_a_place(found: Iterable[Diagnostic]) -> Iterator[Diagnostic]:
    """The first error at each key, or about each layer: what follows it there comes from it."""
    seen: set[tuple[int, int | None, str]] = set()
    for item in found:
        if item.severity == "error" and item.layer is not None:
            part = item.message.partition(": ")[0] if item.key is None else ""
            place = (item.layer, item.key, part if part.startswith("encoders") else "")
            if place in seen:
                continue
            seen.add(place)
        yield item


def _short(item: Diagnostic) -> Diagnostic:
    """What a tree names can be as long as a line of the log: all of them must fit a result."""
    file = None if item.file is None else item.file[-_FILE_LENGTH_MAX:]
    keycode = None if item.keycode is None else str(item.keycode)[:_KEYCODE_LENGTH_MAX]
    return replace(item, message=item.message[:_MESSAGE_LENGTH_MAX], file=file, keycode=keycode)


def _without_effect(
    keymap_c: bytes, flags: bytes, request: Mapping[str, Any]
) -> Iterator[Diagnostic]:
    """Fields that the tree's json2c passed over, or that the compiler did not read."""
    if request.get("encoders") and flags and not _ENCODER_MAP.issubset(flags.split()):
        yield Diagnostic(
            "warning",
            "encoders: they have no effect, since the keyboard has none or "
            "config.features.encoder_map is not on",
        )
    if request.get("dip_switches") and keymap_c and b"dip_switch_map" not in keymap_c:
        yield Diagnostic(
            "warning", "dip_switches: this firmware does not know the field, it has no effect"
        )
