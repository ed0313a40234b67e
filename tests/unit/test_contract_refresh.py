"""The flag that a channel's source has moved, as it lies in storage."""

import json
from datetime import UTC, datetime

import pytest

from qmk_contract import artifacts
from qmk_contract.codec import from_body, to_body
from qmk_contract.refresh import RefreshRequest

REQUEST = RefreshRequest(
    "master", "c" * 40, datetime(2026, 11, 24, 8, 0, tzinfo=UTC), "72d3162e-cc78-11e3-81ab"
)


def test_flag_has_the_fields_that_a_reader_finds_by_name() -> None:
    assert to_body(REQUEST) == {
        "schema": 1,
        "channel": "master",
        "commit": "c" * 40,
        "requested": "2026-11-24T08:00:00Z",
        "delivery": "72d3162e-cc78-11e3-81ab",
    }


def test_flag_reads_back() -> None:
    assert from_body(RefreshRequest, json.loads(json.dumps(to_body(REQUEST)))) == REQUEST


def test_each_channel_has_one_key() -> None:
    assert artifacts.refresh_request("master") == "refresh/master.json"


@pytest.mark.parametrize("name", ["", "../x", "a/b", "A", "a b", "x" * 64])
def test_key_is_made_of_a_channels_name_only(name: str) -> None:
    with pytest.raises(ValueError, match="object key"):
        artifacts.refresh_request(name)
