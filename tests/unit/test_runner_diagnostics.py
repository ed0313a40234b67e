"""Compiler messages as avr-gcc 5.4 and later GCC write them."""

import pytest

from qmk_contract.result import DIAGNOSTICS_MAX, Diagnostic
from qmk_runner import diagnostics

LAYERS = [["KC_A", "KC_B", "LT(1,KC_C)"], ["KC_A", "','", "KC_NOPE"]]
KEYMAP_C = b"""#include QMK_KEYBOARD_H
const uint16_t PROGMEM keymaps[][MATRIX_ROWS][MATRIX_COLS] = {
    [0] = LAYOUT_66_ansi(KC_A, KC_B, LT(1,KC_C)),
    [1] = LAYOUT_66_ansi(KC_A, ',', KC_NOPE)
};
"""
FILE = "./.build/obj_demo_pad_qmk_compile/src/keymap.c"


def parse(log: str) -> tuple[Diagnostic, ...]:
    return diagnostics.parse(log, KEYMAP_C, LAYERS)


@pytest.mark.parametrize(
    ("line", "column", "layer", "key", "keycode"),
    [
        (3, 26, 0, 0, "KC_A"),
        (3, 32, 0, 1, "KC_B"),
        (3, 38, 0, 2, "LT(1,KC_C)"),
        (3, 43, 0, 2, "LT(1,KC_C)"),
        (3, 11, 0, None, None),
        (3, 48, 0, None, None),
        (3, 49, 0, None, None),
        (4, 32, 1, 1, "','"),
        (4, 37, 1, 2, "KC_NOPE"),
        (2, 5, None, None, None),
        (99, 5, None, None, None),
    ],
)
def test_a_place_in_the_keymap_is_a_layer_and_a_key(
    line: int, column: int, layer: int | None, key: int | None, keycode: str | None
) -> None:
    (found,) = parse(f"{FILE}:{line}:{column}: error: 'X' undeclared here\n")
    assert (found.file, found.line, found.column) == ("keymap.c", line, column)
    assert (found.layer, found.key, found.keycode) == (layer, key, keycode)


@pytest.mark.parametrize("quotes", ["\u2018{}\u2019", "'{}'", "`{}'"])
def test_both_ways_to_quote_are_one_message(quotes: str) -> None:
    text = quotes.format("KC_NOPE") + " undeclared here (not in a function)"
    (found,) = parse(f"{FILE}:4:37: error: {text}; did you mean 'KC_ROPT'?\n")
    assert found.message == f"{text}; did you mean 'KC_ROPT'?"


def test_a_message_after_the_step_it_belongs_to_is_found() -> None:
    (found,) = parse(f"Compiling: quantum/keymap_introspection.c      {FILE}:4:37: error: no\n")
    assert found.file == "keymap.c"


def test_an_indented_message_is_found() -> None:
    (found,) = parse(" | quantum/a.c:7:1: fatal error: x.h: No such file or directory\n")
    assert (found.severity, found.file) == ("error", "quantum/a.c")


def test_errors_come_before_warnings_once_each_and_notes_never() -> None:
    log = (
        "a.c:1:1: warning: w\n" * 2
        + "a.c:2:2: note: n\na.c:3:3: error: e\nIn file included from a.c:1:0,\n"
        + "b.o: In function `f': undefined reference to `g'\n"
    )
    assert [(item.severity, item.message) for item in parse(log)] == [
        ("error", "e"),
        ("error", "undefined reference to `g'"),
        ("warning", "w"),
    ]


def test_there_are_never_too_many() -> None:
    log = "".join(f"a.c:{number}:1: error: e\n" for number in range(1, 500))
    assert len(parse(log)) == DIAGNOSTICS_MAX


def test_a_message_that_never_ends_is_cut() -> None:
    (found,) = parse("a.c:1:1: error: " + "x" * 100_000)
    assert len(found.message) <= 512


def test_null_layers_and_keys_of_a_request_do_no_harm() -> None:
    (found,) = diagnostics.parse(f"{FILE}:3:26: error: e\n", KEYMAP_C, [None, [None]])
    assert (found.layer, found.key, found.keycode) == (0, 0, None)


FORGED = (
    "./.build/obj_x/src/keymap.c:5:47: error: 'KC_FOO' undeclared here\n"
    " [0] = LAYOUT(KC_FOO x:99999999999999999999:1: error: y)\n"
    "    5 | [0] = LAYOUT(KC_FOO x:7:1: error: y)\n"
    " |  [0] = LAYOUT(KC_FOO x:8:1: error: y)\n"
    "               ^\n"
)


def test_source_that_the_compiler_quotes_is_no_message() -> None:
    [only] = diagnostics.parse(FORGED, b"", [])
    assert (only.file, only.line) == ("keymap.c", 5)
    assert only.message == "'KC_FOO' undeclared here"


def test_a_number_that_no_compiler_writes_makes_no_message() -> None:
    assert diagnostics.parse("a.c:99999999999999999999:1: error: y\n", b"", []) == ()
