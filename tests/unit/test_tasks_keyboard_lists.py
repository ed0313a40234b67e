"""The lists of all keyboards, put together of any parts."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmk_tasks.metadata.keyboard_entry import entry
from qmk_tasks.metadata.keyboard_lists import LISTS, lists, without_time

IDS = st.sampled_from(["0xFEED", "0x0001", "0xC2AB"])
USB = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {}, optional={"vid": IDS, "pid": IDS, "device_version": st.just("1.0.0")}
    ),
)
INFORMATION = st.builds(
    lambda usb, width: {
        "layouts": {"LAYOUT": [width]},
        **({"usb": usb} if usb is not None else {}),
    },
    USB,
    st.floats(allow_nan=False),
)
NAMES = st.text('ab/_é"', min_size=1, max_size=6)
KEYBOARDS = st.dictionaries(NAMES, INFORMATION, max_size=12)
ODD_USB = {"usb": {"vid": [1]}}
EMPTY: dict[str, dict[str, Any]] = {
    "v1/keyboards.json": {"last_updated": "now", "keyboards": {}},
    "v1/keyboard_list.json": {"last_updated": "now", "keyboards": []},
    "v1/keyboard_metadata.json": {
        "last_updated": "now",
        "keyboards": [],
        "keyboard_aliases": {"old": {"target": "new"}},
        "usb": {},
    },
    "v1/usb.json": {"last_updated": "now", "usb": {}},
}


def as_qmk_writes_them(keyboards: dict[str, Any]) -> dict[str, str]:
    """Each document dumped at once, as one whole run does."""
    usb: dict[str, dict[str, Any]] = {}
    for name in sorted(keyboards):
        device = keyboards[name].get("usb", {})
        if "vid" in device:
            usb.setdefault(device["vid"], {})
        if "vid" in device and "pid" in device:
            usb[device["vid"]].setdefault(device["pid"], {})[name] = device
    whole = {name: keyboards[name] for name in sorted(keyboards)}
    filled = [
        {"last_updated": "now", "keyboards": whole},
        {"last_updated": "now", "keyboards": sorted(whole)},
        {**EMPTY["v1/keyboard_metadata.json"], "keyboards": sorted(whole), "usb": usb},
        {"last_updated": "now", "usb": usb},
    ]
    texts = (json.dumps(document, separators=(",", ":")) for document in filled)
    return dict(zip(LISTS, texts, strict=True))


@given(KEYBOARDS, st.randoms(use_true_random=False))
def test_any_parts_amount_to_the_whole(keyboards: dict[str, Any], random: Any) -> None:
    shuffled = list(keyboards)
    random.shuffle(shuffled)
    at = random.randint(0, len(shuffled))
    parts = (shuffled[:at], shuffled[at:])
    entries = {name: entry(keyboards[name]) for part in parts for name in part}
    assert lists(EMPTY, entries) == as_qmk_writes_them(keyboards)


@given(INFORMATION)
def test_an_entry_read_back_is_the_same(information: dict[str, Any]) -> None:
    assert entry(json.loads(entry(information).text)) == entry(information)


@pytest.mark.parametrize(
    "information", [[], None, "x", {"keymaps": ["default"]}, {"keymaps": {"default": 1}}, ODD_USB]
)
def test_what_has_another_shape_is_refused(information: Any) -> None:
    with pytest.raises(ValueError, match=r"describe|keymaps|usb"):
        entry(information)


def test_an_entry_says_which_files_it_has_and_what_is_wrong() -> None:
    found = entry(
        {
            "keymaps": {"default": {"path": "keyboards/a/keymaps/default/keymap.json"}, "x": {}},
            "parse_errors": ["no maintainer", [1]],
        }
    )
    assert found.files("a/rev1") == {
        "v1/keyboards/a/rev1/info.json",
        "v1/keyboards/a/rev1/readme.md",
        "v1/keyboards/a/keymaps/default/keymap.json",
    }
    assert found.faults == ("no maintainer", "a fault that is no text")


def test_documents_are_compared_but_for_their_time() -> None:
    assert without_time(b'{"last_updated":"a","x":1}') == without_time(
        b'{"x":1,"last_updated":"b"}'
    )
    assert without_time(b'{"x":1}') != without_time(b'{"x":2}')
    assert without_time(b"no JSON") == b"no JSON"
