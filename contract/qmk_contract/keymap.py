"""A keymap as clients send it, checked by allow-list and brought to one form.

Clients of today post null layers, null keys and any keymap name; none of that is refused.
What a keycode may be is ``keycodes``' matter, what the other fields may hold ``keymap_fields``'.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeGuard

from qmk_contract import keycodes
from qmk_contract.errors import Faults, RequestError, invalid_keymap
from qmk_contract.keymap_fields import BUILD_FIELDS, check_fields
from qmk_contract.phases import Reason

LAYERS_MAX = 32  # bits of QMK's widest layer_state_t
KEYS_MAX = 512
NAME_LENGTH_MAX = 64
KEYMAP_BYTES_MAX = 128 * 1024

LAYOUT_PATTERN = r"[A-Za-z_][A-Za-z0-9_]{0,127}"
DEFAULT_NAME = "keymap"


@dataclass(frozen=True)
class Keymap:
    """A normalised keymap: every layer a tuple of keycodes, other build fields checked."""

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
        RequestError: with all faults that were found, each with its layer and key.
    """
    missing = [name for name in ("layout", "layers") if body.get(name) is None]
    if missing:
        raise invalid_keymap(f"Invalid or missing keys: {', '.join(missing)}")
    layout = body["layout"]
    if not isinstance(layout, str) or not re.fullmatch(LAYOUT_PATTERN, layout):
        raise RequestError(Reason.UNKNOWN_LAYOUT, "layout must be the name of a layout macro")
    # Before anything that takes longer for a longer text.
    _check_size({name: body[name] for name in ("layers", *BUILD_FIELDS) if name in body})
    faults = Faults()
    layers = _layers(body["layers"], faults)
    fields = check_fields(body, faults)
    faults.check()
    keymap = Keymap(layout, layers, fields)
    _check_size(keymap.to_body())
    return keymap


def sanitise_name(name: object) -> str:
    """Any keymap name, reduced to letters, digits, ``_`` and ``-``, at most 64 of them."""
    text = re.sub(r"[^A-Za-z0-9_-]", "_", "" if name is None else str(name))[:NAME_LENGTH_MAX]
    text = re.sub(r"^-+", "", text)
    return text if re.search(r"[A-Za-z0-9]", text) else DEFAULT_NAME


def _check_size(body: Mapping[str, Any]) -> None:
    if len(json.dumps(body)) > KEYMAP_BYTES_MAX:
        raise invalid_keymap(f"the keymap is larger than {KEYMAP_BYTES_MAX // 1024} KiB")


def _layers(layers: object, faults: Faults) -> tuple[tuple[str, ...], ...]:
    if not _is_array(layers) or not layers:
        raise invalid_keymap("layers must be a non-empty array of arrays of keycodes")
    if len(layers) > LAYERS_MAX:
        raise invalid_keymap(f"too many layers: {len(layers)}, at most {LAYERS_MAX} are possible")
    width = max((len(row) for row in layers if _is_array(row)), default=0)
    if not 0 < width <= KEYS_MAX:
        raise invalid_keymap(f"a layer needs 1 to {KEYS_MAX} keys")
    checked: dict[str, str] = {}
    return tuple(
        ("KC_TRNS",) * width if row is None else _layer(row, index, checked, faults)
        for index, row in enumerate(layers)
    )


def _layer(row: object, layer: int, checked: dict[str, str], faults: Faults) -> tuple[str, ...]:
    if not _is_array(row):
        faults.add(f"layer {layer} must be an array of keycodes", layer=layer)
        return ()
    return tuple(_keycode(code, layer, key, checked, faults) for key, code in enumerate(row))


def _keycode(code: object, layer: int, key: int, checked: dict[str, str], faults: Faults) -> str:
    """``checked`` has those that came before and have no fault: most keymaps repeat a few."""
    if code is None:
        return keycodes.NOTHING
    if not isinstance(code, str):
        faults.add("a keycode must be a string", layer=layer, key=key)
        return keycodes.NOTHING
    if (text := checked.get(code)) is not None or faults.full:
        return text or keycodes.NOTHING
    text = keycodes.tidy(code) or keycodes.NOTHING
    if (fault := keycodes.fault(text)) is None:
        checked[code] = text
    else:
        faults.add(f"{text[:64]!r} {fault}", layer=layer, key=key, keycode=text)
    return text


def _is_array(value: object) -> TypeGuard[Sequence[Any]]:
    return isinstance(value, list | tuple)
