"""Compiler messages as avr-gcc 5.4 and later GCC write them."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmk_contract.codec import to_body
from qmk_contract.result import DIAGNOSTICS_MAX, Diagnostic
from qmk_runner import diagnostics
from tests.strategies import json_values

LAYERS = [["KC_A", "KC_B", "LT(1,KC_C)"], ["KC_A", "','", "KC_NOPE"]]
REQUEST = {"layers": LAYERS}
KEYMAP_C = b"""#include QMK_KEYBOARD_H
const uint16_t PROGMEM keymaps[][MATRIX_ROWS][MATRIX_COLS] = {
    [0] = LAYOUT_66_ansi(KC_A, KC_B, LT(1,KC_C)),
    [1] = LAYOUT_66_ansi(KC_A, ',', KC_NOPE)
};
"""
FILE = "./.build/obj_demo_pad_qmk_compile/src/keymap.c"


def parse(log: str) -> tuple[Diagnostic, ...]:
    return diagnostics.parse(log, KEYMAP_C, b"", REQUEST)


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
    text = quotes.format("KC_NOPE") + " undeclared here"
    told = f"{text} (not in a function); did you mean 'KC_ROPT'?"
    (found,) = parse(f"{FILE}:4:37: error: {told}\n")
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


def test_all_messages_together_fit_a_result() -> None:
    """Whatever JSON makes of them: upload takes no result of more than 256 KiB."""
    name = "\u263a" * 16_000
    log = "".join(
        f"{name}{n}/b.c:1:1: error: {name}\n{FILE}:3:{26 + n}: warning: {n}{name}\n"
        f"{name}{n}.mk:3: *** {name}.  Stop.\n"
        for n in range(8)
    )
    request = {"layers": [[name, name, name]]}
    found = diagnostics.parse(log, KEYMAP_C, b"", request)
    assert (len(found), len(json.dumps(to_body(found))) < 200_000) == (DIAGNOSTICS_MAX, True)
    assert {item.severity for item in found} == {"error", "warning"}
    (told, *_) = found
    assert told.file is not None
    assert (told.file.endswith("0/b.c"), len(told.file)) == (True, 255)
    assert max(len(item.keycode or "") for item in found) == 256


def test_null_layers_and_keys_of_a_request_do_no_harm() -> None:
    (found,) = diagnostics.parse(
        f"{FILE}:3:26: error: e\n", KEYMAP_C, b"", {"layers": [None, [None]]}
    )
    assert (found.layer, found.key, found.keycode) == (0, 0, None)


FORGED = (
    "./.build/obj_x/src/keymap.c:5:47: error: 'KC_FOO' undeclared here\n"
    " [0] = LAYOUT(KC_FOO x:99999999999999999999:1: error: y)\n"
    "    5 | [0] = LAYOUT(KC_FOO x:7:1: error: y)\n"
    " |  [0] = LAYOUT(KC_FOO x:8:1: error: y)\n"
    "               ^\n"
)


def test_source_that_the_compiler_quotes_is_no_message() -> None:
    [only] = diagnostics.parse(FORGED, b"", b"", {"layers": []})
    assert (only.file, only.line) == ("keymap.c", 5)
    assert only.message == "'KC_FOO' undeclared here"


def test_a_number_that_no_compiler_writes_makes_no_message() -> None:
    assert parse("a.c:99999999999999999999:1: error: y\n") == ()


HEADER = b"""#pragma once

#include "quantum.h"

#define LAYOUT_66_ansi(k0A, k0B, k1A) { \\
    { k0A, k0B }, \\
    { XXX, k1A } \\
}
#define LAYOUT LAYOUT_66_ansi
"""
DEFAULT_KEYBOARD = FILE.replace("keymap.c", "default_keyboard.h")


def test_what_the_layout_s_macro_is_stumbled_at_is_a_key() -> None:
    log = (
        f"{DEFAULT_KEYBOARD}:6:16: error: expected expression before \u2018,\u2019 token\n"
        f"{FILE}:4:11: note: in expansion of macro \u2018LAYOUT_66_ansi\u2019\n"
    )
    (found,) = diagnostics.parse(log, KEYMAP_C, HEADER, REQUEST)
    assert (found.layer, found.key, found.keycode) == (1, 1, "','")
    assert (found.file, found.line, found.column) == ("keymap.c", 4, 32)


def test_a_message_in_a_keycode_s_macro_is_about_the_key_that_uses_it() -> None:
    log = (
        "quantum/quantum_keycodes.h:155:63: error: expected expression before \u2018)\u2019 token\n"
        f"{DEFAULT_KEYBOARD}:7:14: note: in definition of macro \u2018LAYOUT_66_ansi\u2019\n"
        f"{FILE}:3:38: note: in expansion of macro \u2018LT\u2019\n"
    )
    (found,) = diagnostics.parse(log, KEYMAP_C, HEADER, REQUEST)
    assert (found.layer, found.key, found.keycode) == (0, 2, "LT(1,KC_C)")


@pytest.mark.parametrize("quote", ["\u2018{}\u2019", "'{}'"])
def test_a_place_in_the_matrix_is_a_key(quote: str) -> None:
    near = quote.format("keymaps[1][1][1]")
    log = (
        f"{FILE}:4:11: error: initializer element is not constant\n"
        f"{FILE}:4:11: note: (near initialization for {near})\n"
    )
    (found,) = diagnostics.parse(log, KEYMAP_C, HEADER, REQUEST)
    assert (found.layer, found.key, found.keycode, found.column) == (1, 2, "KC_NOPE", 37)


@pytest.mark.parametrize(
    "near", ["keymaps[9][0][0]", "keymaps[1][9][0]", "keymaps[1][0][9]", "keymaps[1][1][0]"]
)
def test_a_place_that_no_key_is_at_is_a_layer_at_most(near: str) -> None:
    log = f"{FILE}:4:11: error: no\n{FILE}:4:11: note: (near initialization for '{near}')\n"
    (found,) = diagnostics.parse(log, KEYMAP_C, HEADER, REQUEST)
    assert (found.layer, found.key) == (1, None)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('macro "LT" passed 2 arguments, but takes just 1', 2),
        ("macro 'LT' passed 2 arguments, but takes just 1", 2),
        ('macro "LT" requires 2 arguments, but only 1 given', None),
        ('macro "LAYOUT_66_ansi" passed 4 arguments, but takes just 3', None),
    ],
)
def test_a_wrong_number_of_arguments_is_told_where_it_is(text: str, key: int | None) -> None:
    (found,) = parse(f"{FILE}:3:48: error: {text}\n")
    assert (found.layer, found.key, found.message) == (0, key, text)


def test_only_the_first_error_of_a_key_is_told() -> None:
    log = (
        f"{FILE}:4:37: error: implicit declaration of function \u2018FOO\u2019"
        " [-Werror=implicit-function-declaration]\n"
        f"{FILE}:4:37: error: initializer element is not constant\n"
        f"{FILE}:4:32: error: another\n"
        f"{FILE}:4:49: error: the layer's\n{FILE}:4:50: error: also the layer's\n"
    )
    assert [(item.key, item.message) for item in parse(log)] == [
        (2, "implicit declaration of function \u2018FOO\u2019"),
        (1, "another"),
        (None, "the layer's"),
    ]


WHOLE = b"""#include QMK_KEYBOARD_H
#include "keymap_nope.h"
const uint16_t PROGMEM keymaps[][MATRIX_ROWS][MATRIX_COLS] = {
    [0] = LAYOUT(KC_A)
};
const uint16_t PROGMEM encoder_map[][NUM_ENCODERS][NUM_DIRECTIONS] = {
    [0] = {ENCODER_CCW_CW(KC_A, LT(1, KC_B)), ENCODER_CCW_CW(KC_C, KC_NOPE)}
};
bool process_record_user(uint16_t keycode, keyrecord_t *record) {
            case QK_MACRO_0:
                SEND_STRING(SS_TAP(X_A));
            case QK_MACRO_12:
                SEND_STRING(SS_TAP(X_NOPE));
"""


@pytest.mark.parametrize(
    ("line", "column", "part", "layer", "keycode"),
    [
        (2, 10, "host_language", None, None),
        (7, 27, "encoders[0][0].ccw", 0, "KC_A"),
        (7, 33, "encoders[0][0].cw", 0, "LT(1, KC_B)"),
        (7, 39, "encoders[0][0].cw", 0, "LT(1, KC_B)"),
        (7, 62, "encoders[0][1].ccw", 0, "KC_C"),
        (7, 68, "encoders[0][1].cw", 0, "KC_NOPE"),
        (11, 30, "macros[0]", None, None),
        (13, 30, "macros[12]", None, None),
    ],
)
def test_what_is_no_key_of_a_layer_is_named_as_in_the_request(
    line: int, column: int, part: str, layer: int | None, keycode: str | None
) -> None:
    encoders = [[{"ccw": "KC_A", "cw": "LT(1, KC_B)"}, {"ccw": "KC_C", "cw": "KC_NOPE"}]]
    request = {"layers": [["KC_A"], ["KC_A"]], "encoders": encoders}
    (found,) = diagnostics.parse(f"{FILE}:{line}:{column}: error: no\n", WHOLE, b"", request)
    assert (found.message, found.layer, found.key) == (f"{part}: no", layer, None)
    assert found.keycode == keycode


@pytest.mark.parametrize(
    ("name", "field"), [("keymap.h", "keycodes: "), ("config.h", "config: "), ("x.h", "")]
)
def test_files_made_of_a_field_name_it(name: str, field: str) -> None:
    (found,) = parse(f"{FILE.replace('keymap.c', name)}:5:3: error: no\n")
    assert found.message == f"{field}no"


@pytest.mark.parametrize(
    ("line", "message", "file", "number"),
    [
        ("\u2612 FileNotFoundError: Module 'qmk/nope' not found.",
         "modules: Module 'qmk/nope' not found.", None, None),
        ("KeyError: 'layout'", "the firmware's generator misses 'layout'", None, None),
        ("ValueError: Invalid keyboard: no/such", "Invalid keyboard: no/such", None, None),
        ("\u2612 Invalid JSON keymap: keymap.json : 'x' is not of type 'integer'",
         "Invalid JSON keymap: 'x' is not of type 'integer'", None, None),
        ("builddefs/converters.mk:10: *** Converting to 'nope' not possible!.  Stop.",
         "converter: Converting to 'nope' not possible!", "builddefs/converters.mk", 10),
        ("make: *** No rule to make target 'x.c', needed by 'x.o'.  Stop.",
         "No rule to make target 'x.c', needed by 'x.o'", None, None),
        (" * The firmware is too large! 31378/28672 (2706 bytes over)",
         "the firmware has 31378 bytes, 2706 more than the 28672 that fit", None, None),
        ("avr/bin/ld: region `text' overflowed by 15146 bytes",
         "the firmware needs 15146 bytes of flash more than there are: "
         "region `text' overflowed by 15146 bytes", None, None),
        ("avr/bin/ld: region `data' overflowed by 5 bytes",
         "the firmware needs 5 bytes of RAM more than there are: "
         "region `data' overflowed by 5 bytes", None, None),
        ("x.o: In function `f':\nquantum/a.c:12: undefined reference to `tap_code'",
         "undefined reference to `tap_code'", "quantum/a.c", 12),
        ("quantum/introspection.c:32:1: error: static assertion failed: \"Won\\'t fit layers\"",
         "Won't fit layers; the keymap has 2", "quantum/introspection.c", 32),
        ("cc1: error: unrecognized command line option '-mx'",
         "unrecognized command line option '-mx'", None, None),
    ],
)  # fmt: skip
def test_errors_that_no_compiler_tells_are_told(
    line: str, message: str, file: str | None, number: int | None
) -> None:
    (found,) = parse(f"Ψ Compiling\n{line}\ngmake: *** [Makefile:3: x.o] Error 1\n")
    assert (found.severity, found.message) == ("error", message)
    assert (found.file, found.line) == (file, number)


def test_a_module_that_is_missing_is_told_once() -> None:
    log = (
        "FileNotFoundError: Module 'qmk/none' not found.\n"
        "FileNotFoundError: Module not found: qmk/none\n"
        "FileNotFoundError: Module not found: qmk/other\n"
    )
    assert [item.message for item in parse(log)] == [
        "modules: Module 'qmk/none' not found.",
        "modules: Module not found: qmk/other",
    ]


def test_fields_that_the_tree_passes_over_are_told() -> None:
    request = {**REQUEST, "dip_switches": [{"on": "KC_A", "off": "KC_B"}]}
    (found,) = diagnostics.parse("", KEYMAP_C, b"", request)
    assert found.severity == "warning"
    assert "dip_switches" in found.message
    known = KEYMAP_C + b"const uint16_t PROGMEM dip_switch_map[1][2] = {\n"
    assert diagnostics.parse("", known, b"", request) == ()


def test_layers_that_the_keymap_does_not_have_are_told() -> None:
    request = {"layers": [["MO(1)", "MO(2)", "LT(1, LSFT(KC_A))"], None]}
    assert [(item.key, item.message) for item in diagnostics.parse("", b"", b"", request)] == [
        (1, "'MO(2)' leads to layer 2, and the last layer of the keymap is 1"),
        (2, "'LT(1, LSFT(KC_A))' taps without LSFT: LT holds a basic keycode only"),
    ]


pieces = st.sampled_from(
    [
        "[0] = ", "LAYOUT(", ")", "(", ",", "'", "\n", "{", "}", "#define LAYOUT(a, b) \\",
        " case ",
        "7:", " keymaps[", " encoder_map[", "ENCODER_CCW_CW(", "a", FILE, ":1:", "9:9:", " error: ",
        " note: ", "near initialization for 'keymaps[0][0][0]'", "Invalid JSON keymap: ", "'x' ",
        "macro \"LT\" passed 3 arguments", "\\x used with no following hex digits", "KC_A",
    ]
)  # fmt: skip
noise = st.lists(st.one_of(pieces, st.text(max_size=3)), max_size=40).map("".join)


@given(noise, noise, noise, json_values)
def test_nothing_that_a_build_leaves_stops_the_reader(
    log: str, keymap_c: str, header: str, macros: object
) -> None:
    request = {**REQUEST, "macros": macros, "encoders": macros}
    sources = (keymap_c.encode("utf-8", "replace"), header.encode("utf-8", "replace"))
    for item in diagnostics.parse(log, *sources, request):
        assert len(item.message) <= 1024


def test_a_build_that_prints_nothing_but_messages_is_read_in_no_time() -> None:
    log = "".join(f"{FILE}:{n}:9: error: x\nInvalid JSON keymap: 'x' y\n" for n in range(20_000))
    keymap_c = b"    [0] = LAYOUT(KC_A)\n\n case 1:\n" * 20_000
    header = b"#define LAYOUT(a) \\\n" * 50_000
    began = time.process_time()
    assert len(diagnostics.parse(log, keymap_c, header, REQUEST)) == DIAGNOSTICS_MAX
    assert time.process_time() - began < 10


LONG = [f"N{number:03}{'O' * 240}" for number in range(512)]
CALLED = [f"LT({number},{'A' * 240})" for number in range(512)]


def keymap_c(keys: list[str]) -> bytes:
    return f"    [0] = LAYOUT({', '.join(keys)})\n".encode()


def undeclared(keys: list[str]) -> str:
    column = keymap_c(keys).index(keys[0].encode()) + 1
    width = len(keys[0]) + 2
    notes = "".join(f"{FILE}:1:{column + width * 511}: note: n\n" for _ in range(9))
    return "".join(
        f"{FILE}:1:{column + width * key}: warning: no\n{notes}" for key in range(len(keys))
    )


@pytest.mark.parametrize(
    ("log", "keys"),
    [
        (undeclared(LONG), LONG),
        (f'{FILE}:1:9: error: macro "LT" passed 3 arguments, but takes just 2\n' * 512, CALLED),
        (f"{FILE}:1:120000: note: n\n{FILE}:1:1: warning: w\n" * 20_000, LONG),
        ("\n".join([f"{'x' * 16_000}: undefined reference to `f'"] * 60), LONG),
        ("\n".join([f"{'x.c' * 5000}: undefined reference to `f'"] * 60), LONG),
    ],
    ids=["undeclared", "arguments", "notes", "object", "objects"],
)
def test_messages_are_read_in_time_that_grows_with_log_and_keymap_alone(
    log: str, keys: list[str]
) -> None:
    """The largest keymap that a request may have, 128 KiB; a second would be far too long."""
    began = time.process_time()
    diagnostics.parse(log, keymap_c(keys), b"", {"layers": [keys]})
    assert time.process_time() - began < 1


def test_a_value_among_many_is_found_in_no_time() -> None:
    request = {
        "layers": [["KC_A"] * 50_000],
        "config": {"a": list(range(20_000)), "b": {"tapping": {"term": "x"}}},
    }
    log = "Invalid JSON keymap: keymap.json : 'x' is not of type 'integer'\n" * 20
    began = time.process_time()
    (found,) = diagnostics.parse(log, b"", b"", request)
    assert found.message.startswith("config.b.tapping.term: ")
    assert time.process_time() - began < 2
