"""What is legal in a keymap and hardly meant."""

from collections.abc import Iterator, Mapping
from typing import Any

from qmk_contract import keycode_calls, keycodes
from qmk_contract.keycode_calls import FUNCTIONS, Argument
from qmk_contract.result import Diagnostic


def warnings(request: Mapping[str, Any]) -> Iterator[Diagnostic]:
    """Warnings about a keymap document whose layers are arrays of keycodes."""
    layers = request["layers"]
    told: dict[str, tuple[str, ...]] = {}
    for layer, row in enumerate(layers):
        for key, keycode in enumerate(row or ()):
            if not keycode or "(" not in keycode:
                continue
            if keycode not in told:
                told[keycode] = tuple(_of_keycode(keycode, len(layers)))
            for text in told[keycode]:
                message = f"{keycode[:64]!r} {text}"
                yield Diagnostic("warning", message, layer=layer, key=key, keycode=keycode)


def _of_keycode(keycode: str, layers: int) -> Iterator[str]:
    written = keycodes.as_written(keycode)
    for number in keycode_calls.layers(written):
        if number >= layers:
            yield f"leads to layer {number}, and the last layer of the keymap is {layers - 1}"
    for call in keycode_calls.calls(written):
        kinds = FUNCTIONS.get(call.function, ())
        for kind, argument in zip(kinds, call.arguments, strict=False):
            inner = argument.partition("(")[0].strip()
            if kind is Argument.TAP and inner != argument and inner in FUNCTIONS:
                yield f"taps without {inner}: {call.function} holds a basic keycode only"
