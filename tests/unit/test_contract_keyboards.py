"""Keyboards, their aliases and layouts as `qmk generate-api` describes them."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmk_contract.errors import RequestError
from qmk_contract.keyboards import (
    Keyboard,
    check_keyboard_name,
    keyboard_aliases,
    keyboard_from_info,
    keyboard_names,
    resolve_alias,
)
from qmk_contract.keymap import Keymap
from qmk_contract.phases import Reason

PAD = Keyboard("demo/pad", "avr", {"LAYOUT_2": 2}, {"LAYOUT": "LAYOUT_2"})


def info(**fields: Any) -> dict[str, Any]:
    return {"keyboards": {"demo/pad": fields}}


def test_layouts_aliases_and_platform_are_read() -> None:
    document = info(
        layouts={"LAYOUT_2": {"layout": [{}, {}]}, "LAYOUT_old": [{}]},
        layout_aliases={"LAYOUT": "LAYOUT_2"},
        platform_key="avr",
    )
    made = keyboard_from_info("demo/pad", document)
    assert made == Keyboard(
        "demo/pad", "avr", {"LAYOUT_2": 2, "LAYOUT_old": 1}, {"LAYOUT": "LAYOUT_2"}
    )


@pytest.mark.parametrize(
    ("protocol", "platform"), [("LUFA", "avr"), ("V-USB", "avr"), ("ChibiOS", "chibios")]
)
def test_the_platform_follows_from_the_protocol_in_older_trees(
    protocol: str, platform: str
) -> None:
    assert keyboard_from_info("demo/pad", info(protocol=protocol)).platform == platform


def test_an_info_of_another_keyboard_is_refused() -> None:
    with pytest.raises(ValueError, match="does not describe demo/other"):
        keyboard_from_info("demo/other", info())


@pytest.mark.parametrize(
    "document",
    [[], None, "x", {"keyboards": "x"}, {"keyboards": {"demo/pad": [1]}}, info(layouts=["a"]),
     info(layouts={"L": {}}), info(layouts={"L": 1}), info(layouts={"L": {"layout": 5}}),
     info(layout_aliases=[1])],
)  # fmt: skip
def test_an_info_of_another_shape_is_refused(document: Any) -> None:
    with pytest.raises(ValueError, match=r"info\.json"):
        keyboard_from_info("demo/pad", document)


@pytest.mark.parametrize("aliases", [None, [], "x"])
def test_aliases_of_another_shape_are_none(aliases: Any) -> None:
    assert resolve_alias("a", aliases) == "a"


def test_aliases_chain_and_a_loop_ends() -> None:
    aliases = {"a": {"target": "b"}, "b": "c", "x": {"target": "y"}, "y": {"target": "x"}}
    assert resolve_alias("a", aliases) == "c"
    assert resolve_alias("c", aliases) == "c"
    assert resolve_alias("x", aliases) in {"x", "y"}


def test_a_slash_at_a_targets_end_is_no_part_of_the_name() -> None:
    assert resolve_alias("a", {"a": {"target": "demo/pad/"}}) == "demo/pad"


def test_lists_are_read_as_generate_api_writes_them() -> None:
    aliases = {"old": {"target": "demo/pad"}}
    assert keyboard_names({"last_updated": "x", "keyboards": ["demo/pad"]}) == ["demo/pad"]
    assert keyboard_aliases({"last_updated": "x", "keyboard_aliases": aliases}) == aliases


@pytest.mark.parametrize("value", [None, [], "x", {}, {"keyboards": "x", "keyboard_aliases": []},
                                   {"keyboards": [1]}, {"keyboards": {"a": 1}}])  # fmt: skip
def test_lists_of_another_shape_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="keyboards is no list"):
        keyboard_names(value)
    with pytest.raises(ValueError, match="keyboard_aliases is no object"):
        keyboard_aliases(value)


@pytest.mark.parametrize("entry", [{}, {"target": None}, 7, []])
def test_an_alias_without_a_target_is_none(entry: object) -> None:
    assert resolve_alias("a", {"a": entry}) == "a"


def test_a_layout_alias_is_resolved() -> None:
    assert PAD.check(Keymap("LAYOUT", (("A", "B"),))).layout == "LAYOUT_2"


def test_an_unknown_layout_names_the_known_ones() -> None:
    with pytest.raises(RequestError, match="its layouts are: LAYOUT_2") as caught:
        PAD.check(Keymap("LAYOUT_x", (("A", "B"),)))
    assert caught.value.reason is Reason.UNKNOWN_LAYOUT


def test_a_wrong_key_count_names_the_layer() -> None:
    with pytest.raises(RequestError, match="layer 1 has 1 keys, LAYOUT_2 has 2") as caught:
        PAD.check(Keymap("LAYOUT_2", (("A", "B"), ("A",))))
    assert (caught.value.reason, caught.value.layer) == (Reason.INVALID_KEYMAP, 1)


@given(st.one_of(st.text(), st.integers(), st.none(), st.lists(st.text())))
def test_a_keyboard_name_is_a_relative_path_or_refused(name: object) -> None:
    try:
        made = check_keyboard_name(name)
    except RequestError:
        return
    assert made == name
    assert not made.startswith("/")
    assert ".." not in made


@pytest.mark.parametrize("name", ["clueboard/66/rev3", "1upkeyboards/pi60", "a-b_c"])
def test_real_names_pass(name: str) -> None:
    assert check_keyboard_name(name) == name


@pytest.mark.parametrize("name", ["", "/a", "a/", "a//b", "A", "a\n", "../a", "a" * 129, "a/b.c"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(RequestError) as caught:
        check_keyboard_name(name)
    assert caught.value.reason is Reason.UNKNOWN_KEYBOARD
