"""Flags go when what they asked for is served, and not before."""

from datetime import UTC, datetime, timedelta

import pytest

from qmk_contract import artifacts
from qmk_contract.refresh import RefreshRequest
from qmk_tasks.channels import flags
from qmk_tasks.storage import published
from tests.unit.snapshot_objects import Bucket

KEY = artifacts.refresh_request("master")
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ASKED, OTHER = "a" * 40, "b" * 40


@pytest.mark.parametrize(
    ("commit", "resolved", "stays"),
    [
        (ASKED, NOON - timedelta(minutes=1), False),
        (OTHER, NOON - timedelta(minutes=1), True),
        # A host that has just told of a push may still give the commit before.
        (OTHER, NOON + timedelta(minutes=1), True),
        (OTHER, NOON + timedelta(minutes=10), False),
    ],
)
def test_a_flag_goes_with_its_commit_or_a_newer_one(
    commit: str, resolved: datetime, stays: bool
) -> None:
    bucket = Bucket()
    published.write(bucket, KEY, RefreshRequest("master", ASKED, NOON, "delivery"))
    flags.clear(bucket, "master", commit, resolved)
    assert (KEY in bucket.stored) is stays


def test_a_flag_that_nobody_can_read_asks_for_nothing() -> None:
    bucket = Bucket()
    bucket.put(KEY, b"{}", artifacts.JSON)
    flags.clear(bucket, "master", ASKED, NOON)
    assert not bucket.stored


def test_no_flag_is_no_matter() -> None:
    bucket = Bucket()
    flags.clear(bucket, "master", ASKED, NOON)
    assert not bucket.stored
