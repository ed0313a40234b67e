"""Keymaps: null layers and keys are filled, everything else passes an allow-list or is refused."""

import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmk_contract import keycode_calls, keycodes
from qmk_contract.errors import RequestError
from qmk_contract.keymap import LAYERS_MAX, normalise_keymap, sanitise_name
from qmk_contract.patterns import NAME_PATTERN
from qmk_contract.phases import Reason
from qmk_contract.result import DIAGNOSTICS_MAX
from tests.strategies import json_values, keymaps


def keymap(*layers: Any, **fields: Any) -> dict[str, Any]:
    return {"layout": "LAYOUT", "layers": list(layers), **fields}


def test_null_layers_and_keys_are_filled() -> None:
    made = normalise_keymap(keymap(["KC_A", None], None, ["", " MO( 1 ) "]))
    assert made.layers == (("KC_A", "KC_NO"), ("KC_TRNS", "KC_TRNS"), ("KC_NO", "MO( 1 )"))


def test_words_about_the_author_and_unknown_fields_are_left_out() -> None:
    body = keymap(
        ["KC_A"], author="me", notes="mine", documentation="long", version=1, colour="red"
    )
    assert normalise_keymap(body).to_body() == {"layout": "LAYOUT", "layers": [["KC_A"]]}


def test_fields_that_change_the_firmware_are_kept() -> None:
    macros = [["Say $5: `hi`…\n", {"action": "tap", "keycodes": ["ENTER"]}]]
    made = normalise_keymap(keymap(["KC_A"], macros=macros, config={"tapping": {"term": 200}}))
    assert made.fields == {"macros": macros, "config": {"tapping": {"term": 200}}}


@given(keymaps)
def test_normalising_twice_changes_nothing(body: dict[str, Any]) -> None:
    once = normalise_keymap(body)
    assert normalise_keymap(once.to_body()) == once


@given(json_values, json_values)
def test_any_json_is_normalised_or_refused_with_the_one_error(layout: Any, layers: Any) -> None:
    try:
        made = normalise_keymap({"layout": layout, "layers": layers})
    except RequestError:
        return
    assert all(keycodes.fault(code) is None for code in made.keycodes())


names = st.from_regex(r"[A-Za-z0-9_]{1,9}", fullmatch=True).filter(
    lambda name: name not in keycode_calls.FUNCTIONS
)


@given(names, st.lists(names, max_size=3), st.sampled_from(["", " ", "  ", "\t", "\u2003"]))
def test_names_and_calls_with_names_are_keycodes(
    name: str, arguments: list[str], space: str
) -> None:
    call = f"{space}{name}({f',{space}'.join(arguments)}){space}" if arguments else name
    tidied = re.sub(r"\s+", " ", call).strip()
    assert normalise_keymap(keymap([call, call])).layers == ((tidied, tidied),)


@pytest.mark.parametrize(
    ("body", "reason", "layer", "key", "message"),
    [
        ({}, Reason.INVALID_KEYMAP, None, None, "Invalid or missing keys: layout, layers"),
        ({"layout": "L"}, Reason.INVALID_KEYMAP, None, None, "Invalid or missing keys: layers"),
        ({"layout": 1, "layers": [["KC_A"]]}, Reason.UNKNOWN_LAYOUT, None, None, "layout macro"),
        ({"layout": "L();", "layers": [["A"]]}, Reason.UNKNOWN_LAYOUT, None, None, "layout macro"),
        (keymap(), Reason.INVALID_KEYMAP, None, None, "non-empty array"),
        ({"layout": "L", "layers": "KC_A"}, Reason.INVALID_KEYMAP, None, None, "non-empty array"),
        (keymap(None), Reason.INVALID_KEYMAP, None, None, "1 to 512 keys"),
        (keymap([]), Reason.INVALID_KEYMAP, None, None, "1 to 512 keys"),
        (keymap(["KC_A"], "KC_A"), Reason.INVALID_KEYMAP, 1, None, "must be an array"),
        (keymap(["KC_A", 7]), Reason.INVALID_KEYMAP, 0, 1, "must be a string"),
        (keymap(*[["KC_A"]] * 33), Reason.INVALID_KEYMAP, None, None, "too many layers: 33"),
        (keymap(["MO(1"]), Reason.INVALID_KEYMAP, 0, 0, "unbalanced parentheses"),
        (keymap(["MO)1("]), Reason.INVALID_KEYMAP, 0, 0, "unbalanced parentheses"),
        (keymap(["KC_A, KC_B"]), Reason.INVALID_KEYMAP, 0, 0, "one key, one keycode"),
        (keymap(["KC_A", "KC_B}; evil"]), Reason.INVALID_KEYMAP, 0, 1, "no keycode has"),
        (keymap(['"x"']), Reason.INVALID_KEYMAP, 0, 0, "no keycode has"),
        (keymap(["KC_A /*"]), Reason.INVALID_KEYMAP, 0, 0, "no keycode has"),
        (keymap(["KC_A //"]), Reason.INVALID_KEYMAP, 0, 0, "no keycode has"),
        (keymap(["#include </etc/passwd>"]), Reason.INVALID_KEYMAP, 0, 0, "no keycode has"),
        (keymap(["KC_A\\"]), Reason.INVALID_KEYMAP, 0, 0, "no keycode has"),
        (keymap(["'a"]), Reason.INVALID_KEYMAP, 0, 0, "unbalanced quote"),
        (keymap(["K" * 257]), Reason.INVALID_KEYMAP, 0, 0, "longer than 256"),
        (keymap(["A"], converter="../x"), Reason.INVALID_KEYMAP, None, None, "converter"),
        (keymap(["A"], converter="a/b"), Reason.INVALID_KEYMAP, None, None, "converter"),
        (keymap(["A"], converter=7), Reason.INVALID_KEYMAP, None, None, "converter"),
        (keymap(["A"], host_language="$x"), Reason.INVALID_KEYMAP, None, None, "host_language"),
        (keymap(["A"], macros="x"), Reason.INVALID_KEYMAP, None, None, "macros must be an array"),
        (keymap(["A"], config=[1]), Reason.INVALID_KEYMAP, None, None, "config must be an object"),
        (keymap(["A"], config={"a": "$(shell id)"}), Reason.INVALID_KEYMAP, None, None, "config.a"),
        (keymap(["A"], config={"$(x)": 1}), Reason.INVALID_KEYMAP, None, None, "config"),
        (keymap(["A"], modules=["a/../../b"]), Reason.INVALID_KEYMAP, None, None, "modules[0]"),
        (keymap(["KC_A <% x %>"]), Reason.INVALID_KEYMAP, 0, 0, "no keycode has"),
        (keymap(["%:include"]), Reason.INVALID_KEYMAP, 0, 0, "no keycode has"),
        (keymap(["A"], encoders=[[{"ccw": "KC_A}; x", "cw": "KC_B"}]]), Reason.INVALID_KEYMAP, 0,
         None, "encoders[0][0].ccw"),
        (keymap(["A"], macros=[[{"action": "tap", "keycodes": ["A);"]}]]), Reason.INVALID_KEYMAP,
         None, None, "macros[0][0].keycodes[0]"),
        (keymap(["A"], encoders=[[], None]), Reason.INVALID_KEYMAP, None, None,
         "encoders[1] must not be null"),
        (keymap(["A"], macros=[None]), Reason.INVALID_KEYMAP, None, None, "macros[0]"),
        (keymap(["A"], keycodes=[{"key": 'X", y'}]), Reason.INVALID_KEYMAP, None, None,
         "keycodes[0].key"),
        (keymap(["A"], macros=[[{"action": "delay", "duration": 1.5}]]), Reason.INVALID_KEYMAP,
         None, None, "macros[0][0].duration"),
        (keymap(["A"], macros=[[{"action": "delay", "duration": "5"}]]), Reason.INVALID_KEYMAP,
         None, None, "macros[0][0].duration"),
        (keymap(["A"], macros=[[{"action": "tap", "keycodes": [1]}]]), Reason.INVALID_KEYMAP,
         None, None, "macros[0][0].keycodes"),
        (keymap(["A"], macros=[[{"action": 1}]]), Reason.INVALID_KEYMAP,
         None, None, "macros[0][0].action"),
        (keymap(["A"], config={f"a{n}": 1 for n in range(65)}), Reason.INVALID_KEYMAP,
         None, None, "more than 64"),
        (keymap(["A"], modules=["a" * 64 + "/" + "b" * 64]), Reason.INVALID_KEYMAP,
         None, None, "modules[0]"),
        (keymap(["A"], modules=[1]), Reason.INVALID_KEYMAP, None, None, "modules[0]"),
        (keymap(["A"], modules=["a"] * 33), Reason.INVALID_KEYMAP, None, None, "more than 32"),
        (keymap(["A"], config={"a": float("inf")}), Reason.INVALID_KEYMAP, None, None, "config.a"),
        (keymap(["A"], config={"a": 2**53}), Reason.INVALID_KEYMAP, None, None, "config.a"),
        (keymap(["A"], macros=[["\ud800"]]), Reason.INVALID_KEYMAP, None, None, "macros[0][0]"),
        (keymap(["A"], macros=[["\x00"]]), Reason.INVALID_KEYMAP, None, None, "macros[0][0]"),
        (keymap(["A"], macros=["x" * 140_000]), Reason.INVALID_KEYMAP, None, None, "128 KiB"),
        (keymap(["A"], macros=[["x" * 5000]]), Reason.INVALID_KEYMAP, None, None, "macros[0][0]"),
        (
            keymap(["A"], macros=[["x" * 4000]] * 40),
            Reason.INVALID_KEYMAP, None, None, "larger than 128 KiB",
        ),
        (
            keymap(["A"], config={"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": 1}}}}}}}}),
            Reason.INVALID_KEYMAP, None, None, "nested too deeply",
        ),
    ],
)  # fmt: skip
def test_a_bad_keymap_is_refused_with_the_place_named(
    body: dict[str, Any], reason: Reason, layer: int | None, key: int | None, message: str
) -> None:
    with pytest.raises(RequestError) as caught:
        normalise_keymap(body)
    error = caught.value
    assert (error.reason, error.layer, error.key) == (reason, layer, key)
    assert message in error.message


def test_all_faults_are_told_at_once_each_with_its_place() -> None:
    body = keymap(
        ["KC_A", "MO(1", 7],
        "KC_B",
        ["LT(77, KC_A)", "KC_\u00e9\ud800", None],
        encoders=[[], [{"ccw": "LT(16,KC_A)", "cw": "KC_B"}]],
        converter="../x",
    )
    with pytest.raises(RequestError) as caught:
        normalise_keymap(body)
    error = caught.value
    found = [(item.layer, item.key, item.keycode) for item in error.diagnostics]
    assert found == [
        (0, 1, "MO(1"),
        (0, 2, None),
        (1, None, None),
        (2, 0, "LT(77, KC_A)"),
        (2, 1, "KC_\u00e9\N{REPLACEMENT CHARACTER}"),
        (None, None, None),
        (1, None, "LT(16,KC_A)"),
    ]
    assert error.message == error.diagnostics[0].message
    assert {item.severity for item in error.diagnostics} == {"error"}


def test_faults_are_told_up_to_a_bound() -> None:
    with pytest.raises(RequestError) as caught:
        normalise_keymap(keymap([f"MO({number}" for number in range(500)]))
    assert len(caught.value.diagnostics) == DIAGNOSTICS_MAX


def test_keycodes_of_nothing_but_parentheses_are_read_in_no_time() -> None:
    rows = [["A(" * 80 + "KC_A" + ")" * 80 + f"|{number}" for number in range(450)]]
    began = time.process_time()
    assert len(normalise_keymap(keymap(*rows)).keycodes()) == 450
    assert time.process_time() - began < 2
    with pytest.raises(RequestError, match="larger than 128 KiB"):
        normalise_keymap(keymap(*rows * 8))


@pytest.mark.parametrize("code", ["ANY()", "ANY( )", " ANY ( ) "])
def test_an_any_key_that_was_left_empty_does_nothing(code: str) -> None:
    assert normalise_keymap(keymap([code])).layers == (("KC_NO",),)


@pytest.mark.parametrize("code", ["ANY(KC_A) + ANY(KC_B)", "ANY(KC_A)+(1)", "ANY(KC_A, KC_B)"])
def test_what_qmk_writes_of_an_any_key_is_what_is_checked(code: str) -> None:
    with pytest.raises(RequestError):
        normalise_keymap(keymap([code]))


def test_whole_numbers_have_one_form() -> None:
    made = normalise_keymap(keymap(["KC_A"], config={"tapping": {"term": 200.0, "ratio": 0.5}}))
    assert made.fields == {"config": {"tapping": {"term": 200, "ratio": 0.5}}}
    assert isinstance(made.fields["config"]["tapping"]["term"], int)


def test_as_many_layers_as_qmk_can_hold_are_accepted() -> None:
    assert len(normalise_keymap(keymap(*[["KC_A"]] * LAYERS_MAX)).layers) == LAYERS_MAX


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("layout_ortho_4x12_2026-11-23", "layout_ortho_4x12_2026-11-23"),
        ("Bob's map", "Bob_s_map"),
        ("../../etc/passwd", "______etc_passwd"),
        ("-rf", "rf"),
        ("", "keymap"),
        ("😀", "keymap"),
        (None, "keymap"),
        ("x" * 100, "x" * 64),
    ],
)
def test_an_odd_name_is_made_usable(name: object, expected: str) -> None:
    assert sanitise_name(name) == expected


@given(st.text())
def test_every_name_ends_up_safe_and_stays_as_it_is(name: str) -> None:
    made = sanitise_name(name)
    assert re.fullmatch(NAME_PATTERN, made)
    assert sanitise_name(made) == made
