"""A keycode that nothing declares is told at each place that has it."""

import time
from typing import Any

import pytest

from qmk_contract.result import DIAGNOSTICS_MAX
from qmk_runner import diagnostics

FILE = "./.build/obj_demo_pad_qmk_compile/src/keymap.c"
KEYMAP_C = b"""#include QMK_KEYBOARD_H
const uint16_t PROGMEM keymaps[][MATRIX_ROWS][MATRIX_COLS] = {
    [0] = LAYOUT(KC_A, KC_VOLUP),
    [1] = LAYOUT(LT(0, KC_VOLUP), KC_VOLUPS)
};
#if defined(ENCODER_ENABLE) && defined(ENCODER_MAP_ENABLE)
const uint16_t PROGMEM encoder_map[][NUM_ENCODERS][NUM_DIRECTIONS] = {
    [0] = {ENCODER_CCW_CW(KC_VOLUP, KC_VOLUP)},
    [1] = {ENCODER_CCW_CW(KC_NOPE, KC_NOPE)}
};
#endif // defined(ENCODER_ENABLE) && defined(ENCODER_MAP_ENABLE)
"""
REQUEST: dict[str, Any] = {
    "layers": [["KC_A", "KC_VOLUP"], ["LT(0, KC_VOLUP)", "KC_VOLUPS"]],
    "encoders": [[{"ccw": "KC_VOLUP", "cw": "KC_VOLUP"}], [{"ccw": "KC_NOPE", "cw": "KC_NOPE"}]],
}
ON = b"-O2 -DENCODER_ENABLE -DENCODER_MAP_ENABLE"


@pytest.mark.parametrize("quotes", ["\u2018{}\u2019", "'{}'", "`{}'"])
def test_it_is_told_at_every_key_and_encoder(quotes: str) -> None:
    text = quotes.format("KC_VOLUP") + " undeclared here"
    log = (
        f"{FILE}:3:24: error: {text} (not in a function); did you mean 'KC_VOLU'?\n"
        f"{FILE}:4:18: error: initializer element is not constant\n"
        f"{FILE}:9:27: error: 'KC_NOPE' undeclared here (not in a function)\n"
    )
    found = diagnostics.parse(log, KEYMAP_C, b"", REQUEST, flags=ON)
    text += "; did you mean 'KC_VOLU'?"
    assert [(item.layer, item.key, item.keycode, item.message) for item in found] == [
        (0, 1, "KC_VOLUP", text),
        (1, 0, "LT(0, KC_VOLUP)", text),
        (0, None, "KC_VOLUP", f"encoders[0][0].ccw: {text}"),
        (0, None, "KC_VOLUP", f"encoders[0][0].cw: {text}"),
        (1, None, "KC_NOPE", "encoders[1][0].ccw: 'KC_NOPE' undeclared here"),
        (1, None, "KC_NOPE", "encoders[1][0].cw: 'KC_NOPE' undeclared here"),
    ]
    assert [(item.line, item.column) for item in found[:2]] == [(3, 24), (4, 18)]


def test_no_more_are_told_than_may_be_in_no_time() -> None:
    keys = ["KC_VOLUP"] * 14_000
    keymap_c = f"    [0] = LAYOUT({', '.join(keys)})\n".encode()
    log = f"{FILE}:1:18: error: 'KC_VOLUP' undeclared here (not in a function)\n" * 1000
    began = time.process_time()
    found = diagnostics.parse(log, keymap_c, b"", {"layers": [keys]})
    assert [item.key for item in found] == list(range(DIAGNOSTICS_MAX))
    assert time.process_time() - began < 1


def test_a_name_of_no_keycode_is_told_where_the_compiler_is() -> None:
    log = f"{FILE}:3:24: error: 'INNER' undeclared here (not in a function)\n"
    (found,) = diagnostics.parse(log, KEYMAP_C, b"", REQUEST, flags=ON)
    assert found.key == 1


@pytest.mark.parametrize(
    ("flags", "warned"),
    [
        (ON, False),
        (b"-O2 -DENCODER_ENABLE", True),
        (b"-O2 -DENCODER_MAP_ENABLE", True),
        # Of a build that did not get so far, nothing is known.
        (b"", False),
    ],
)
def test_encoders_that_the_build_leaves_out_are_told(flags: bytes, warned: bool) -> None:
    found = diagnostics.parse("", KEYMAP_C, b"", REQUEST, flags=flags)
    assert [(item.severity, item.message.split(":")[0]) for item in found] == (
        [("warning", "encoders")] if warned else []
    )
    without = {"layers": REQUEST["layers"]}
    assert diagnostics.parse("", KEYMAP_C, b"", without, flags=flags) == ()
