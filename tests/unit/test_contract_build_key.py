"""Identity: the key depends on all that changes the firmware, and on nothing else."""

import json
import random
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmk_contract import artifacts, names
from qmk_contract.build_key import (
    JobId,
    build_key,
    canonical_json,
    digest_key,
    parse_job_id,
    request_document,
)
from qmk_contract.errors import RequestError
from qmk_contract.keymap import normalise_keymap
from qmk_contract.patterns import KEY_PATTERN
from qmk_contract.work_order import INTERNAL_KEYMAP_NAME
from tests.strategies import json_values, keymaps
from tests.strategies import names as keymap_names

COMMIT = "0" * 40
DIGEST = "sha256:" + "a" * 64
LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"


def key(body: dict[str, Any], name: str = "mine", **parts: str) -> str:
    return build_key(
        firmware_commit=parts.get("commit", COMMIT),
        toolchain_digest=parts.get("digest", DIGEST),
        keyboard=parts.get("keyboard", "demo/pad6"),
        keymap=normalise_keymap(body),
        keymap_name=name,
    )


def shuffled(value: Any, seed: int) -> Any:
    if isinstance(value, dict):
        items = list(value.items())
        random.Random(seed).shuffle(items)
        return {name: shuffled(item, seed) for name, item in items}
    return value


@given(keymaps, st.integers(), keymap_names, st.text(max_size=20))
def test_the_key_ignores_field_order_name_author_and_notes(
    body: dict[str, Any], seed: int, name: str, words: str
) -> None:
    other = shuffled({**body, "author": words, "notes": words, "documentation": words}, seed)
    assert key(other, name) == key(body)


@given(keymaps, keymaps)
def test_two_keymaps_share_a_key_only_if_they_normalise_to_the_same(
    one: dict[str, Any], two: dict[str, Any]
) -> None:
    assert (key(one) == key(two)) == (normalise_keymap(one) == normalise_keymap(two))


@given(json_values, json_values)
def test_two_values_share_canonical_json_only_if_they_are_the_same_json(one: Any, two: Any) -> None:
    same = json.dumps(one, sort_keys=True) == json.dumps(two, sort_keys=True)
    assert (canonical_json(one) == canonical_json(two)) == same
    assert (digest_key(one) == digest_key(two)) == same


@given(st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True),
                       st.one_of(st.integers(), st.floats()), max_size=5))  # fmt: skip
def test_the_key_is_the_same_after_a_way_through_the_cluster(config: dict[str, Any]) -> None:
    """Whose JSON has one kind of number: 1.0 comes back as 1."""
    body = {"layout": "LAYOUT", "layers": [["KC_A"]], "config": config}
    try:
        made = key(body)
    except RequestError:
        return
    stored = {
        name: int(number) if float(number).is_integer() else number
        for name, number in config.items()
    }
    assert key(json.loads(json.dumps({**body, "config": stored}))) == made


def test_everything_that_changes_the_firmware_changes_the_key() -> None:
    base = {"layout": "LAYOUT", "layers": [["KC_A"]]}
    keys = {
        key(base),
        key(base, commit="1" * 40),
        key(base, digest="sha256:" + "b" * 64),
        key(base, keyboard="demo/pad7"),
        key({**base, "layout": "LAYOUT_all"}),
        key({**base, "layers": [["KC_B"]]}),
        key({**base, "layers": [["KC_A"], ["KC_A"]]}),
        key({**base, "config": {"tapping": {"term": 1}}}),
        key({**base, "macros": [["hi"]]}),
    }
    assert len(keys) == 9


@pytest.mark.parametrize("keycode", ["QK_MAKE", "QK_MAK", "LT(1, QK_MAKE)"])
def test_a_keycode_that_types_the_name_puts_the_name_into_the_key(keycode: str) -> None:
    body = {"layout": "LAYOUT", "layers": [[keycode]]}
    assert key(body, "mine") != key(body, "yours")
    document = request_document("demo/pad6", normalise_keymap(body), "mine")
    assert document["keymap"] == "mine"


def test_the_request_document_has_the_internal_name_and_no_words_about_the_author() -> None:
    body = {"layout": "LAYOUT", "layers": [["KC_A"]], "author": "me", "notes": "mine"}
    assert request_document("demo/pad6", normalise_keymap(body), "mine") == {
        "version": 1,
        "keyboard": "demo/pad6",
        "keymap": INTERNAL_KEYMAP_NAME,
        "layout": "LAYOUT",
        "layers": [["KC_A"]],
    }


@given(keymaps)
def test_a_key_is_safe_in_a_path_a_label_and_a_file_name(body: dict[str, Any]) -> None:
    made = key(body)
    assert re.fullmatch(KEY_PATTERN, made)
    assert re.fullmatch(LABEL, names.job_name(made, 999))
    assert artifacts.build(made, artifacts.RESULT) == f"builds/{made}/result.json"


@given(st.from_regex(KEY_PATTERN, fullmatch=True), st.one_of(st.none(), keymap_names))
def test_a_job_id_survives_the_round_trip(made: str, name: str | None) -> None:
    assert parse_job_id(str(JobId(made, name))) == JobId(made, name)


@pytest.mark.parametrize(
    "text",
    ["", "a" * 25, "a" * 27, "A" * 26, "a" * 26 + ".", "a" * 26 + ".x/y", "../" + "a" * 26,
     "a" * 26 + ".x\n", "a" * 26 + "." + "x" * 65, "2f0f786e-6f87-4e3f-8b4a-8f2db5676106"],
)  # fmt: skip
def test_what_is_no_job_id_is_not_taken_for_one(text: str) -> None:
    assert parse_job_id(text) is None
