"""The status of a keyboard's build as it lies in storage."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmk_contract import artifacts
from qmk_contract.codec import to_body
from qmk_contract.keyboard_status import KeyboardStatus, read_status

STATUS = {"works": True, "warnings": False, "last_tested": 1_700_000_000, "message": "ok\n"}


def stored(**changes: object) -> bytes:
    return json.dumps({**STATUS, **changes}).encode()


@given(st.builds(KeyboardStatus, last_tested=st.integers(0, 8_640_000_000_000)))
def test_status_is_read_as_it_was_written(status: KeyboardStatus) -> None:
    assert read_status(json.dumps(to_body(status)).encode()) == status


def test_words_are_those_that_the_status_page_reads() -> None:
    assert to_body(read_status(stored())) == STATUS


@pytest.mark.parametrize(
    "content",
    [
        b"", b"null", b"[]", b"{}", b"\xff", stored()[:-1], b"[" * 100_000,
        stored(works=None), stored(works="yes"), stored(warnings=1), stored(message=None),
        stored(last_tested=None), stored(last_tested="now"), stored(last_tested=True),
        stored(last_tested=float("nan")), stored(last_tested=1.5), stored(last_tested=-1),
        stored(last_tested=10**30),
    ],
)  # fmt: skip
def test_anything_else_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - what reading JSON raises is one too
        read_status(content)


def test_key_of_a_status_tells_its_keyboard() -> None:
    key = artifacts.keyboard_status("clueboard/66/rev3")
    assert key == "status/clueboard/66/rev3.json"
    assert artifacts.keyboard_of_status(key) == "clueboard/66/rev3"


@pytest.mark.parametrize("name", ["", "..", "a/../b", "A", "a//b", "/a", "a/", "a.json", "a b"])
def test_no_key_is_made_of_what_is_no_keyboard(name: str) -> None:
    with pytest.raises(ValueError, match="not fit"):
        artifacts.keyboard_status(name)
    assert artifacts.keyboard_of_status(f"status/{name}.json") is None
