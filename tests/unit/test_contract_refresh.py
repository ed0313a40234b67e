"""The flag that a channel's source has moved, and how its refresh went, as they lie in storage."""

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from qmk_contract import artifacts
from qmk_contract.codec import from_body, to_body
from qmk_contract.refresh import ObjectCounts, RefreshRequest, RefreshState, RefreshStatus

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


def test_status_reads_back() -> None:
    status = RefreshStatus(
        channel="master",
        state=RefreshState.FAILED,
        started=REQUEST.requested,
        updated=REQUEST.requested,
        message="git found no ref master",
        faults={"demo/pad": ("no maintainer",)},
        fault_count=1,
        objects=ObjectCounts(stored=1),
        seconds={"checkout": 1.5},
    )
    assert from_body(RefreshStatus, json.loads(json.dumps(to_body(status)))) == status


@pytest.mark.parametrize(
    ("made", "read"),
    [
        (artifacts.channel("master"), artifacts.channel_of_pointer),
        (artifacts.firmware("c" * 64), artifacts.commit_of_prefix),
        (artifacts.record_pointer("d" * 64, "demo/pad"), artifacts.digest_of_record),
    ],
)
def test_a_key_tells_what_it_was_made_of(made: str, read: Callable[[str], str | None]) -> None:
    assert read(made) in ("master", "c" * 64, "d" * 64)
    for other in ("hostname", f"{made}x" if made.endswith("/") else f"x{made}", f"x/{made}"):
        assert read(other) is None


def test_who_publishes_and_who_waits_for_removal_have_keys_of_their_own() -> None:
    commit = "c" * 40
    assert artifacts.publication(commit) == f"publishing/{commit}.json"
    assert artifacts.unnamed(commit) == f"unnamed/{commit}.json"
