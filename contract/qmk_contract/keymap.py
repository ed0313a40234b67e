"""A keymap as clients send it, checked by allow-list and brought to one form.

Clients of today post null layers, null keys and any keymap name; none of that is refused.
A keycode is C source of a stranger: it may only be an expression on one line, so that a keymap
stays one layer a line and can open no string, comment, block or preprocessor directive.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from qmk_contract.errors import RequestError
from qmk_contract.phases import Reason

LAYERS_MAX = 32  # bits of QMK's widest layer_state_t
KEYS_MAX = 512
KEYCODE_LENGTH_MAX = 256
NAME_LENGTH_MAX = 64
KEYMAP_BYTES_MAX = 128 * 1024
FIELD_DEPTH_MAX = 8

LAYOUT_PATTERN = r"[A-Za-z_][A-Za-z0-9_]{0,127}"
KEYCODE_PATTERN = r"[A-Za-z0-9_ ,()|&^~<>!=?:.+*/%'\[\]-]+"
NAME_PATTERN = r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}"
DEFAULT_NAME = "keymap"

#: Fields of QMK's keymap schema, beside layout and layers, that change the firmware.
BUILD_FIELDS = (
    "config", "converter", "dip_switches", "encoders", "host_language", "keycodes",
    "macros", "modules",
)  # fmt: skip
#: Of these, the ones whose text reaches make and the preprocessor, where $ and ` have a meaning.
_MAKE_FIELDS = frozenset({"config", "modules"})
#: And the ones that are one name.
_WORD_FIELDS = {"converter": r"[a-z0-9_]{1,64}", "host_language": r"[A-Za-z0-9_]{1,64}"}
_TEXT = re.compile(r"[^\x00-\x08\x0b-\x1f\x7f]*")
_MAKE_TEXT = re.compile(r"(?!.*\.\.)[A-Za-z0-9_ ,.:()|<>+*/-]*")
_FIELD_TEXT_MAX = 4096


@dataclass(frozen=True)
class Keymap:
    """A normalised keymap: every layer a tuple of keycodes, other build fields as they came."""

    layout: str
    layers: tuple[tuple[str, ...], ...]
    fields: Mapping[str, Any] = field(default_factory=dict)

    def to_body(self) -> dict[str, Any]:
        """The keymap object of a CompileJob's spec."""
        return {"layout": self.layout, "layers": [list(row) for row in self.layers], **self.fields}

    def keycodes(self) -> frozenset[str]:
        return frozenset(code for row in self.layers for code in row)


def normalise_keymap(body: Mapping[str, Any]) -> Keymap:
    """Check a keymap and fill its gaps: a null layer becomes KC_TRNS, a null key KC_NO.

    Fields that change nothing in the firmware (notes, author, version, …) and fields nobody
    knows are left out.

    Raises:
        RequestError: with the layer and the key where it helps.
    """
    missing = [name for name in ("layout", "layers") if body.get(name) is None]
    if missing:
        raise _invalid(f"Invalid or missing keys: {', '.join(missing)}")
    layout = body["layout"]
    if not isinstance(layout, str) or not re.fullmatch(LAYOUT_PATTERN, layout):
        raise RequestError(Reason.UNKNOWN_LAYOUT, "layout must be the name of a layout macro")
    fields = {name: body[name] for name in BUILD_FIELDS if body.get(name) is not None}
    for name, value in fields.items():
        _check_kind(name, value)
        _check_field(name, value, name, FIELD_DEPTH_MAX)
    keymap = Keymap(layout, _layers(body["layers"]), fields)
    if len(json.dumps(keymap.to_body())) > KEYMAP_BYTES_MAX:
        raise _invalid(f"the keymap is larger than {KEYMAP_BYTES_MAX // 1024} KiB")
    return keymap


def sanitise_name(name: object) -> str:
    """Any keymap name, reduced to letters, digits, ``_`` and ``-``, at most 64 of them."""
    text = re.sub(r"[^A-Za-z0-9_-]", "_", "" if name is None else str(name))[:NAME_LENGTH_MAX]
    text = re.sub(r"^-+", "", text)
    return text if re.search(r"[A-Za-z0-9]", text) else DEFAULT_NAME


def _layers(layers: object) -> tuple[tuple[str, ...], ...]:
    if not _is_array(layers) or not layers:
        raise _invalid("layers must be a non-empty array of arrays of keycodes")
    if len(layers) > LAYERS_MAX:
        raise _invalid(f"too many layers: {len(layers)}, at most {LAYERS_MAX} are possible")
    width = max((len(row) for row in layers if _is_array(row)), default=0)
    if not 0 < width <= KEYS_MAX:
        raise _invalid(f"a layer needs 1 to {KEYS_MAX} keys")
    return tuple(
        ("KC_TRNS",) * width if row is None else _layer(row, index)
        for index, row in enumerate(layers)
    )


def _layer(row: object, layer: int) -> tuple[str, ...]:
    if not _is_array(row):
        raise _invalid(f"layer {layer} must be an array of keycodes", layer=layer)
    return tuple(_keycode(code, layer, key) for key, code in enumerate(row))


def _keycode(code: object, layer: int, key: int) -> str:
    if code is None:
        return "KC_NO"
    if not isinstance(code, str):
        raise _invalid("a keycode must be a string", layer=layer, key=key)
    text = re.sub(r"\s+", " ", code).strip()
    if not text:
        return "KC_NO"
    if len(text) > KEYCODE_LENGTH_MAX:
        limit = KEYCODE_LENGTH_MAX
        raise _invalid(f"a keycode longer than {limit} characters", layer=layer, key=key)
    if not re.fullmatch(KEYCODE_PATTERN, text) or "//" in text or "/*" in text:
        raise _invalid(f"{text!r} has a character no keycode has", layer=layer, key=key)
    if (fault := _imbalance(text)) is not None:
        raise _invalid(f"{text!r} {fault}", layer=layer, key=key)
    return text


def _imbalance(text: str) -> str | None:
    """What is wrong with the brackets or commas of an expression, if anything."""
    closing = {")": "(", "]": "["}
    bare = re.sub(r"'[^']'", "0", text)
    if "'" in bare:
        return "has an unbalanced quote"
    opened: list[str] = []
    for character in bare:
        if character in "([":
            opened.append(character)
        elif character in closing and (not opened or opened.pop() != closing[character]):
            return "has unbalanced parentheses"
        elif character == "," and not opened:
            return "has a comma outside parentheses: one key, one keycode"
    return "has unbalanced parentheses" if opened else None


def _check_kind(name: str, value: object) -> None:
    if name in _WORD_FIELDS:
        if not isinstance(value, str) or not re.fullmatch(_WORD_FIELDS[name], value):
            raise _invalid(f"{name} must be the name of one that the firmware has")
    elif name == "config":
        if not isinstance(value, Mapping):
            raise _invalid("config must be an object")
    elif not _is_array(value):
        raise _invalid(f"{name} must be an array")


def _check_field(name: str, value: object, where: str, depth: int) -> None:
    if depth == 0:
        raise _invalid(f"{where} is nested too deeply")
    if isinstance(value, Mapping):
        for key, item in value.items():
            _check_text(name, key, where)
            _check_field(name, item, f"{where}.{key}", depth - 1)
    elif _is_array(value):
        for index, item in enumerate(value):
            _check_field(name, item, f"{where}[{index}]", depth - 1)
    elif isinstance(value, str):
        _check_text(name, value, where)


def _check_text(name: str, text: str, where: str) -> None:
    allowed = _MAKE_TEXT if name in _MAKE_FIELDS else _TEXT
    if not allowed.fullmatch(text) or len(text) > _FIELD_TEXT_MAX:
        raise _invalid(f"{where} has a character or a length that is not allowed there")


def _is_array(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple)


def _invalid(message: str, *, layer: int | None = None, key: int | None = None) -> RequestError:
    return RequestError(Reason.INVALID_KEYMAP, message, layer=layer, key=key)
