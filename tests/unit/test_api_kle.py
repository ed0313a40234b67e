"""Raw data of Keyboard Layout Editor, followed to the keys that the editor shows."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmk_api.converting.kle import DISTANCE_MAX, KEYS_MAX, KleError, Layout, read_layout
from qmk_api.converting.kle_raw import DEPTH_MAX, KleSyntaxError, read_rows
from qmk_api.converting.kle_text import layout_text

PLAIN = {"x": 0, "y": 0, "w": 1, "h": 1, "r": 0, "rx": 0, "ry": 0}
ISO_ENTER = {"x": 0.25, "w": 1.25, "h": 2, "w2": 1.5, "h2": 1, "x2": -0.25}
STEPPED = {"w": 1.25, "w2": 1.75, "l": True}
LEFT_STEPPED = {"w": 1.25, "w2": 1.75, "x2": -0.5, "l": True}
BIG_ENTER = {"w": 1.5, "h": 2, "w2": 2.25, "h2": 1, "x2": -0.75, "y2": 1}


def placed(*rows: Any) -> list[dict[str, Any]]:
    """Of each key, what is not as in a key of one unit at the origin."""
    return [
        {name: value for name, value in vars(key).items() if PLAIN.get(name, "") != value}
        for key in read_layout(list(rows)).keys
    ]


@pytest.mark.parametrize(
    ("rows", "keys"),
    [
        ([["A", "B"], ["C"]], [{"label": "A"}, {"label": "B", "x": 1}, {"label": "C", "y": 1}]),
        ([["!\n1"], [{"a": 7}, "\nCaps"]], [{"label": "!"}, {"y": 1}]),
        ([["", {"w": 2}, "", ""]], [{}, {"x": 1, "w": 2}, {"x": 3}]),
        ([[{"h": 1.5}, "", ""]], [{"h": 1.5}, {"x": 1}]),
        ([["", {"x": 0.5, "y": 0.25}, "", ""]], [{}, {"x": 1.5, "y": 0.25}, {"x": 2.5, "y": 0.25}]),
        ([[{"x": 1}, {"y": 1}, ""]], [{"x": 1, "y": 1}]),
        ([["", {"d": True}, "", ""]], [{}, {"x": 2}]),
        ([["", {"d": True, "w": 3}, "", ""]], [{}, {"x": 4}]),
        ([[{"x": 0.75}, BIG_ENTER, ""]], [{"x": 0.75, "w": 1.5, "h": 2}]),
        ([[ISO_ENTER, "", ""]], [{"x": 0.25, "w": 1.25, "h": 2}, {"x": 1.5}]),
        ([[STEPPED, "", {"x": 0.5}, ""]], [{"w": 1.75}, {"x": 1.75}]),
        ([[{"x": 1}, LEFT_STEPPED, ""]], [{"x": 0.5, "w": 1.75}]),
        ([[{"w2": 2}, {"y2": 1}, ""]], [{"w": 2, "y": 1}]),
        ([[{"w": 0, "x": None, "h": 0}, ""]], [{}]),
        ([[{"c": "#fff", "t": "#000", "f": 3, "fa": [1], "n": True, "g": True}, ""]], [{}]),
        ([{"author": "me"}, [""]], [{}]),
        ([[], [""]], [{"y": 1}]),
    ],
)
def test_keys_are_placed(rows: list[Any], keys: list[dict[str, Any]]) -> None:
    assert placed(*rows) == keys


def test_rotation_turns_all_that_follows() -> None:
    """The thumb clusters of an ErgoDox: a new centre is a new origin, kept by later rows."""
    assert placed(
        ["A"],
        [{"r": 30, "rx": 6.5, "ry": 4.25, "y": -1, "x": 1}, "B", "C"],
        [{"h": 2}, "D"],
        [{"r": -30, "rx": 13, "y": -1, "x": -3}, "E"],
        [{"r": 0, "rx": 0, "ry": 5}, "F"],
    ) == [
        {"label": "A"},
        {"label": "B", "x": 7.5, "y": 3.25, "r": 30, "rx": 6.5, "ry": 4.25},
        {"label": "C", "x": 8.5, "y": 3.25, "r": 30, "rx": 6.5, "ry": 4.25},
        {"label": "D", "x": 6.5, "y": 4.25, "h": 2, "r": 30, "rx": 6.5, "ry": 4.25},
        {"label": "E", "x": 10, "y": 3.25, "r": -30, "rx": 13, "ry": 4.25},
        {"label": "F", "y": 5},
    ]


def test_new_angle_alone_keeps_the_place() -> None:
    assert placed(["A"], [{"r": 15}, "B"])[1] == {"label": "B", "y": 1, "r": 15}


def test_negative_positions_move_the_whole_layout() -> None:
    assert placed([{"x": -1, "y": -0.5}, "A"], [{"r": 10, "rx": 2, "ry": 1}, "B"]) == [
        {"label": "A"},
        {"label": "B", "x": 3, "y": 1.5, "r": 10, "rx": 3, "ry": 1.5},
    ]


def test_numbers_are_rounded() -> None:
    rows = [[{"x": 0.1}, "", {"x": 0.2}, "", {"x": 1 / 3}, ""]]
    assert [key.x for key in read_layout(rows).keys] == [0.1, 1.3, 2.6333]


def test_name_comes_from_the_object_before_the_rows() -> None:
    assert read_layout([{"name": "My KB"}, [""]]).name == "My KB"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("A", "raw data must be a list of rows"),
        ([], "there are no keys"),
        ([{"name": "empty"}], "there are no keys"),
        ([[{"d": True}, "A"]], "there are no keys"),
        ([["A"], {"name": "late"}], "row 2 must be a list"),
        ([{}, ["A"], None], "row 2 must be a list"),
        ([{"name": 5}, ["A"]], "name must be a text"),
        ([["A", 1]], "row 1, item 2: a key must be a text"),
        ([["A", None]], "row 1, item 2: a key must be a text"),
        ([[["A"]]], "row 1, item 1: a key must be a text"),
        ([["\ud800"]], "row 1, item 1: a key must be Unicode text"),
        ([["A", {"r": 5}, "B"]], "row 1, item 2: only the first item of a row may have r"),
        ([[{"w": "2"}, "A"]], "row 1, item 1: w must be a number"),
        ([[{"x": True}, "A"]], "row 1, item 1: x must be a number"),
        ([[{"w": -1}, "A"]], "row 1, item 1: w must not be negative"),
        ([[{"w": 101}, "A"]], "row 1, item 1: w must be from -100 to 100"),
        ([[{"x": float("nan")}, "A"]], "row 1, item 1: x must be from -1000 to 1000"),
        ([[{"y": float("inf")}, "A"]], "row 1, item 1: y must be from -1000 to 1000"),
        ([[{"r": 361}, "A"]], "row 1, item 1: r must be from -360 to 360"),
        ([[{"x": DISTANCE_MAX}, "A", "B"]], "row 1, item 3: x must be from -1000 to 1000"),
        ([["A"] * (KEYS_MAX + 1)], f"row 1, item {KEYS_MAX + 1}: "),
        ([[]] * (DISTANCE_MAX + 1) + [["A"]], "row 1002, item 1: y must be from -1000 to 1000"),
    ],
)
def test_what_has_no_meaning_is_told_with_its_place(rows: Any, said: str) -> None:
    with pytest.raises(KleError) as refused:
        read_layout(rows)
    assert str(refused.value).startswith(said)


def test_text_is_spaced_as_people_have_pasted_it_for_years() -> None:
    raw = """{name: "My KB"},
    ["A\\nB", {d: true}, 'decal'],
    [{w: 2}, "C"]"""
    assert layout_text(read_layout(read_rows(raw))) == (
        "{\n"
        '    "keyboard_name": "My KB", \n'
        '    "url": "", \n'
        '    "maintainer": "qmk", \n'
        '    "layouts": {\n'
        '        "LAYOUT": {\n'
        '            "layout": [{"label":"A", "x":0, "y":0}, {"label":"C", "x":0, "y":1, "w":2}]\n'
        "        }\n"
        "    }\n"
        "}"
    )


def test_text_keeps_rotation() -> None:
    text = layout_text(read_layout([[{"r": -15.5, "rx": 4, "h": 1.25}, ""]]))
    assert '[{"x":4, "y":0, "h":1.25, "r":-15.5, "rx":4, "ry":0}]' in text


@pytest.mark.parametrize(
    "raw",
    [
        '["A"],\n["B"]',
        '["A"], ["B"],',
        '[["A"], ["B"]]',
        "\ufeff['A'],['B'] // the end",
        "/* two rows */ ['A'],\r\n['B',]",
        '{name: "x", "notes": "y", background: {style: ""}}, ["A"], ["B"]',
        '[{"name": "x"}, ["A"], [{t: "#000", fa: [1, 2]}, "B"]]',
    ],
)
def test_raw_data_is_read_as_people_paste_it(raw: str) -> None:
    assert [key.label for key in read_layout(read_rows(raw)).keys] == ["A", "B"]


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        ('["A"]\n["B"]', "the raw data cannot be read in line 2, column 1"),
        ('["A",\n{x:}]', "the raw data cannot be read in line 2, column 4"),
        ('["A"]]', "the raw data cannot be read in line 1, column 6"),
        ('["A"', "the raw data cannot be read"),
        ("[A]", "the raw data cannot be read"),
        ("[1e999]", "the raw data cannot be read"),
        ("[NaNa]", "the raw data cannot be read"),
        ('["\x00"', "the raw data cannot be read"),
        ("/*", "the raw data cannot be read"),
        ("[" * DEPTH_MAX, "the raw data is nested too deeply"),
        ("[" * 100_000, "the raw data is nested too deeply"),
        ("[" + "9" * 100_000 + "]", "the raw data cannot be read"),
        ("[{x: 0x" + "f" * 100_000 + "}]", "row 1, item 1: x must be from -1000 to 1000"),
        ("", "there are no keys"),
        ("// nothing", "there are no keys"),
    ],
)
def test_unreadable_raw_data_is_told_with_its_line(raw: str, said: str) -> None:
    with pytest.raises((KleSyntaxError, KleError)) as refused:
        read_layout(read_rows(raw))
    assert str(refused.value).startswith(said)


NUMBERS = st.one_of(
    st.integers(-40, 40), st.floats(-40, 40), st.floats(), st.none(), st.booleans(), st.text()
)
ITEMS = st.dictionaries(
    st.sampled_from(["x", "y", "w", "h", "x2", "y2", "w2", "h2", "r", "rx", "ry", "d", "a"]),
    NUMBERS,
    max_size=4,
)
ROWS = st.lists(
    st.one_of(st.lists(st.one_of(st.text(max_size=4), ITEMS), max_size=6), ITEMS), max_size=6
)
SIZES = st.dictionaries(st.sampled_from("wh"), st.floats(0.25, 9), max_size=2)
STEPS = st.dictionaries(st.sampled_from("xy"), st.floats(-3, 3), max_size=2)
TURNS = st.fixed_dictionaries(
    {"r": st.sampled_from([-30, 12.5, 90]), "rx": st.floats(-9, 9), "ry": st.floats(-9, 9)}
)


@given(ROWS)
def test_any_list_is_read_or_refused(rows: list[Any]) -> None:
    try:
        layout = read_layout(rows)
    except KleError:
        return
    check_text(layout)


@given(st.text(alphabet="[]{},:'\"\\/*\n 0x1.e-+aNI\u2028", max_size=40))
def test_any_text_is_read_or_refused(raw: str) -> None:
    try:
        layout = read_layout(read_rows(raw))
    except (KleSyntaxError, KleError):
        return
    check_text(layout)


@given(st.lists(st.lists(st.tuples(STEPS, SIZES), min_size=1, max_size=4), min_size=1, max_size=4))
def test_every_key_of_every_row_is_kept_in_order(rows: list[Any]) -> None:
    items = [
        [
            part
            for number, (step, size) in enumerate(row)
            for part in (step | size, f"{at} {number}")
        ]
        for at, row in enumerate(rows)
    ]
    layout = read_layout(items)
    check_text(layout)
    labels = [f"{at} {number}" for at, row in enumerate(rows) for number in range(len(row))]
    assert [key.label for key in layout.keys] == labels


@given(TURNS, st.lists(st.tuples(STEPS, SIZES), min_size=1, max_size=4))
def test_turned_rows_lie_about_their_centre_as_others_do_about_the_origin(
    turn: dict[str, float], keys: list[Any]
) -> None:
    row = [part for step, size in keys for part in (step | size, "")]
    turned = read_layout([[turn, *row]]).keys
    straight = read_layout([row]).keys
    for one, other in zip(turned, straight, strict=True):
        assert one.x - turned[0].x == pytest.approx(other.x - straight[0].x, abs=3e-4)
        assert one.y - turned[0].y == pytest.approx(other.y - straight[0].y, abs=3e-4)
        assert (one.r, one.w, one.h) == (turn["r"], other.w, other.h)
        assert (one.rx, one.ry) == (turned[0].rx, turned[0].ry)


def check_text(layout: Layout) -> None:
    """The text is JSON of the same keys, fit for QMK's schema."""
    document = json.loads(layout_text(layout))
    assert document["keyboard_name"] == layout.name
    keys = document["layouts"]["LAYOUT"]["layout"]
    assert 0 < len(keys) == len(layout.keys) <= KEYS_MAX
    for shown, key in zip(keys, layout.keys, strict=True):
        assert PLAIN | {"label": ""} | shown == vars(key)
        assert "\n" not in key.label
        assert min(key.x, key.y, key.rx, key.ry) >= 0
        assert min(key.w, key.h) >= 0
