"""The fields beside layers: what the firmware's generators take, in one form, or a refusal."""

from typing import Any

import pytest

from qmk_contract.errors import Faults, RequestError
from qmk_contract.keymap_fields import check_fields


def check(**fields: Any) -> dict[str, Any]:
    faults = Faults()
    checked = check_fields(fields, faults)
    faults.check()
    return checked


GOOD: list[dict[str, Any]] = [
    {"config": {"features": {"encoder_map": True}, "tapping": {"term": 200, "toggle": 3}}},
    {"config": {"rgblight": {"driver": "apa102", "default": {"animation": "rainbow_mood"}}}},
    {"config": {"processor": "cortex-m4", "bootloader": "atmel-dfu", "usb": {"vid": "0xFEED"}}},
    {"config": {"keyboard_name": "My board (v1.2), 60 +", "manufacturer": "Zoë & Co."}},
    {"config": {"matrix_pins": {"cols": ["B0", "GP1", None], "direct": [["F1", None]]}}},
    {"config": {"keyboard_name": "Lil' BAE 66% [v2]!"}},
    {"config": {}},
    {"converter": "kb2040", "host_language": "german_mac_iso"},
    {"modules": ["qmk/hello_world", "me/other_1"]},
    {"encoders": [[{"ccw": "KC_VOLD", "cw": "LSFT(KC_VOLU)"}], []]},
    {"dip_switches": [{"off": "KC_NO", "on": "KC_A"}]},
    {"keycodes": [{"key": "MY_KEY", "aliases": ["MY_K"]}]},
    {"macros": [['Say "hi" to all, \\n; $(x) `y` #z ü😀\t\n', {"action": "beep"}]]},
    {"macros": [['"', "quoted", 'both"', '"more']]},
    {"macros": [[{"action": "delay", "duration": 100}, {"action": "tap", "keycodes": ["A", "B"]}]]},
]


@pytest.mark.parametrize("fields", GOOD)
def test_what_the_firmware_takes_is_kept_as_it_is(fields: dict[str, Any]) -> None:
    assert check(**fields) == fields


def test_what_no_firmware_is_made_of_is_left_out() -> None:
    assert check(
        config={
            "maintainer": "@x",
            "url": "#?~",
            "meta": {"a b": [1e300]},
            "bootloader_instructions": "Hold the key; then plug it in.",
            "tags": ["thumb cluster", "70%"],
            "tapping": {"term": 200},
        },
        keycodes=[
            {"key": "MY_A", "label": "Don't", "aliases": None, "group": "x"},
            {"key": "MY_B", "label": "RGB #1", "aliases": []},
        ],
        macros=[["a", {"action": "tap", "keycodes": []}, "b"]],
    ) == {
        "config": {"tapping": {"term": 200}},
        "keycodes": [{"key": "MY_A"}, {"key": "MY_B"}],
        "macros": [["a", "b"]],
    }


def test_fields_are_brought_to_one_form() -> None:
    assert check(
        encoders=((({"ccw": " LT( 1,\n KC_A) ", "cw": "KC_B"}),),),
        macros=[["a\r\nb\rc", {"action": "delay", "duration": 5.0}]],
        config={"tapping": {"term": 200.0}},
    ) == {
        "encoders": [[{"ccw": "LT( 1, KC_A)", "cw": "KC_B"}]],
        "macros": [["a\nb\nc", {"action": "delay", "duration": 5}]],
        "config": {"tapping": {"term": 200}},
    }


@pytest.mark.parametrize(
    "text",
    [
        "$(shell id)",
        "x; id",
        "a | b",
        "a b",
        "`id`",
        "a > /tmp/x",
        "-fplugin",
        "-wrapper",
        "/etc/passwd",
        "a/b",
        "..",
        "a..b",
        "x\ny",
        "x\\",
        'x"',
        "x'",
        "x#y",
        "*",
        "(x)",
        "é",
        "x" * 129,
    ],
)
def test_a_text_that_could_be_more_than_a_word_of_make_is_refused(text: str) -> None:
    for config in (
        {"eeprom": {"wear_leveling": {"driver": text}}},
        {"x": [text]},
        {"features": {text: True}},
    ):
        with pytest.raises(RequestError, match="config"):
            check(config=config)


@pytest.mark.parametrize(
    "text", ["$(shell id)", 'a"b', "a\\", "a;b", "a|b", "a\nb", "a{", "#", "../x"]
)
def test_a_name_for_people_is_no_source_text_either(text: str) -> None:
    with pytest.raises(RequestError, match=r"config\.keyboard_name"):
        check(config={"keyboard_name": text})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"macros": [['say "hi"']]}, "macros[0][0] ends with a quotation mark"),
        ({"macros": [['a"', {"action": "tap", "keycodes": ["A"]}, "b"]]}, "macros[0][0] ends with"),
        ({"macros": [["x", 'a"', ""]]}, "macros[0][1] ends with a quotation mark"),
        ({"macros": [["a"], []]}, "macros[1] does nothing"),
        ({"macros": [["", ""]]}, "macros[0] does nothing"),
        ({"macros": [[{"keycodes": ["A"]}]]}, "macros[0][0].action must be one of beep"),
        ({"macros": [[{"action": "press", "keycodes": ["A"]}]]}, "macros[0][0].action must be one"),
        ({"macros": [[{"action": ["tap"]}]]}, "macros[0][0].action must be one of"),
        ({"macros": [[{"action": "tap"}]]}, "macros[0][0].keycodes must be an array"),
        ({"macros": [[{"action": "tap", "keycodes": []}]]}, "macros[0] does nothing"),
        (
            {"macros": [["x", {"action": "up", "keycodes": []}, 'a"']]},
            "macros[0][2] ends with a quotation mark",
        ),
        ({"macros": [[{"action": "delay"}]]}, "macros[0][0].duration must be a whole number"),
        ({"macros": [[{"action": "delay", "duration": -1}]]}, "macros[0][0].duration must be"),
        ({"macros": [[{"action": "delay", "duration": True}]]}, "macros[0][0].duration must be"),
        ({"macros": [[{"action": "beep", "colour": 1}]]}, "macros[0][0] must be a text, or"),
        ({"macros": [[7]]}, "macros[0][0] must be a text, or an object with an action"),
        ({"encoders": [[{"ccw": "KC_A"}]]}, "encoders[0][0] must have the keycodes ccw and cw"),
        ({"encoders": [[{"ccw": "KC_A", "cw": None}]]}, "encoders[0][0] must have the keycodes"),
        ({"encoders": [["KC_A"]]}, "encoders[0][0] must have the keycodes ccw and cw"),
        ({"encoders": [{}]}, "encoders[0] must be an array"),
        ({"encoders": [[{"ccw": "", "cw": "KC_A"}]]}, "encoders[0][0].ccw: '' is no keycode"),
        (
            {"encoders": [[{"ccw": "KC_A", "cw": "MO(32)"}]]},
            "encoders[0][0].cw: 'MO(32)' has layer",
        ),
        ({"dip_switches": [{"on": "KC_A;"}]}, "dip_switches[0].on: 'KC_A;' has a character"),
        ({"keycodes": ["MY_KEY"]}, "keycodes[0] must be an object with a key"),
        ({"keycodes": [{"key": "A = 5, B"}]}, "keycodes[0].key must be a name"),
        ({"keycodes": [{"label": "x"}]}, "keycodes[0].key must be a name"),
        ({"keycodes": [{"key": "K", "aliases": ["A B"]}]}, "keycodes[0].aliases[0] must be a name"),
        ({"keycodes": [{"key": "K", "aliases": "AB"}]}, "keycodes[0].aliases must be an array"),
    ],
)
def test_what_no_generator_could_write_is_refused_with_the_place(
    fields: dict[str, Any], message: str
) -> None:
    with pytest.raises(RequestError) as caught:
        check(**fields)
    assert caught.value.message.startswith(message)


def test_each_field_tells_its_own_fault() -> None:
    with pytest.raises(RequestError) as caught:
        check(converter="a/b", modules=[".."], config={"a": "$(x)"}, host_language=7)
    assert [item.message.split(" ")[0] for item in caught.value.diagnostics] == [
        "config.a",
        "converter",
        "host_language",
        "modules[0]",
    ]
