"""Calls in keycodes: how many arguments QMK's functions take, and how large they may be."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmk_contract import keycode_calls
from qmk_contract.keycode_calls import FUNCTIONS, Argument, Call

LARGEST = {
    **dict.fromkeys(["MO", "TO", "TG", "TT", "OSL", "DF", "PDF"], 31),
    **dict.fromkeys(["LT", "LM"], 15),
}


def call(function: str, first: object) -> str:
    return f"{function}({', '.join([str(first), *['KC_A'] * (len(FUNCTIONS[function]) - 1)])})"


@pytest.mark.parametrize(("function", "largest"), LARGEST.items())
def test_a_layer_beyond_what_the_keycode_holds_is_a_fault(function: str, largest: int) -> None:
    for number in (0, largest, hex(largest), oct(largest).replace("0o", "0")):
        assert list(keycode_calls.faults(call(function, number))) == []
    for number in (largest + 1, 77, hex(largest + 1), -1):
        assert list(keycode_calls.faults(call(function, number))) == [
            f"has layer {number}: {function} can hold 0 to {largest}"
        ]


@pytest.mark.parametrize(
    ("keycode", "fault"),
    [
        ("LCTL(LT(77,KC_A))", "has layer 77: LT can hold 0 to 15"),
        ("LT(0x10u, KC_A)", "has layer 0x10u: LT can hold 0 to 15"),
        ("LT(1)", "has 1 of the 2 arguments that LT takes"),
        ("LT(1,KC_A,KC_B)", "has 3 of the 2 arguments that LT takes"),
        ("MO(1,2)", "has 2 of the 1 argument that MO takes"),
        ("MO()", "has 0 of the 1 argument that MO takes"),
        ("LSFT( )", "has 0 of the 1 argument that LSFT takes"),
        ("LT(,KC_A)", "has an empty argument of LT"),
        ("LT(1, )", "has an empty argument of LT"),
        ("MT(MOD_LCTL|MOD_LSFT)", "has 1 of the 2 arguments that MT takes"),
        ("MT(0x20, KC_A)", "has modifiers 0x20: MT can hold 0 to 31"),
        ("LT(1, 0x100)", "has keycode 0x100: LT can hold 0 to 255"),
        ("UC(0x1F600)", "has code point 0x1F600: UC can hold 0 to 32767"),
        ("TD(256)", "has tap dance 256: TD can hold 0 to 255"),
        ("UP(1, 128)", "has index 128: UP can hold 0 to 127"),
    ],
)
def test_a_call_that_qmk_does_not_know_is_a_fault(keycode: str, fault: str) -> None:
    assert list(keycode_calls.faults(keycode)) == [fault]


@pytest.mark.parametrize(
    "keycode",
    [
        "KC_A",
        "LT(_RAISE, KC_A)",
        "MO(1 + 2)",
        "LT(1, KC_A) | 0",
        "LM(1, MOD_LCTL | MOD_LALT)",
        "MY_OWN()",
        "MY_OWN(1, , 77)",
        "MY_LT(77)",
        "LT((1), (KC_A))",
        "LSFT(',')",
        "LT(1, '(')",
        "UC(0x7FFF)",
        "MO (31)",
        "MO(08)",  # no number of C: the compiler says so
    ],
)
def test_what_is_right_or_unknown_has_no_fault(keycode: str) -> None:
    assert list(keycode_calls.faults(keycode)) == []


def test_calls_are_found_inside_of_others() -> None:
    assert list(keycode_calls.calls("LT(1, LSFT(KC_A)) | F(',', x)")) == [
        Call("LT", ("1", "LSFT(KC_A)")),
        Call("LSFT", ("KC_A",)),
        Call("F", ("','", "x")),
    ]


@pytest.mark.parametrize(
    ("keycode", "layers"),
    [("MO(5)", [5]), ("LT(0x3, KC_A)", [3]), ("TO(_BASE)", []), ("LSFT(KC_5)", []), ("TD(5)", [])],
)
def test_the_layers_that_a_keycode_leads_to_are_known(keycode: str, layers: list[int]) -> None:
    assert list(keycode_calls.layers(keycode)) == layers


@given(st.text("LTMO(),0123456789 x'|", max_size=40))
def test_any_text_is_read(text: str) -> None:
    for found in keycode_calls.calls(text):
        assert re.fullmatch(r"[A-Za-z_]\w*", found.function)
    list(keycode_calls.faults(text))
    list(keycode_calls.layers(text))


@given(st.integers(-(2**33), 2**33))
def test_all_spellings_of_a_number_are_one(number: int) -> None:
    sign, digits = ("-", -number) if number < 0 else ("", number)
    octal = "0" + oct(digits)[2:]
    for text in (str(number), f"{sign}{digits:#x}", f"{sign}{digits:#X}UL", f"{sign}{octal}"):
        assert keycode_calls.integer(text) == number


def test_no_function_takes_a_layer_at_two_places() -> None:
    for arguments in FUNCTIONS.values():
        assert sum(argument.is_layer for argument in arguments) <= 1
    assert len({argument.name for argument in Argument}) == len(Argument.__members__)
