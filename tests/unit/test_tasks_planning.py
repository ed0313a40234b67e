"""Which channels move, from what is published and what their sources say."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from qmk_contract import artifacts
from qmk_contract.channels import ChannelSource
from qmk_contract.codec import from_body
from qmk_contract.refresh import RefreshRequest, RefreshState, RefreshStatus
from qmk_contract.snapshot import Channel
from qmk_tasks.channels import pointer
from qmk_tasks.channels.status import SILENT
from qmk_tasks.errors import TaskError
from qmk_tasks.handover import plan, previous_files
from qmk_tasks.handover.plan import Plan
from qmk_tasks.planning.planning import Found, make_plan
from qmk_tasks.publishing.publish import publish
from qmk_tasks.storage import published
from tests.unit.snapshot_objects import COMMIT, MANIFEST, SITE, Bucket, Held, write_snapshot

NEXT = "b" * 40
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MASTER = ChannelSource("master", "https://git.example.org/firmware.git", "master")
DEVELOP = ChannelSource("develop", "https://git.example.org/firmware.git", "develop")


@pytest.fixture
def bucket(tmp_path: Path) -> Bucket:
    """Channel master is at COMMIT."""
    write_snapshot(tmp_path / "objects")
    made = Bucket()
    publish(tmp_path / "objects", COMMIT, None, made, Held())
    pointer.move(made, "master", COMMIT, NOON)
    return made


def planned(
    bucket: Bucket, folder: Path, commits: Mapping[str, str], *, force: bool = False
) -> Plan:
    """A plan where the sources of channels are at these commits; others cannot be asked."""

    def find(source: ChannelSource) -> Found:
        if source.name not in commits:
            raise TaskError("the host is away")
        return Found(commits[source.name], f"refs/heads/{source.ref}")

    return make_plan([MASTER, DEVELOP], find, bucket, folder, force=force)


def status(bucket: Bucket, channel: str) -> RefreshStatus:
    return from_body(RefreshStatus, bucket.read_json(artifacts.refresh_status(channel)))


def test_a_channel_that_is_where_its_source_is_stays(bucket: Bucket, tmp_path: Path) -> None:
    made = planned(bucket, tmp_path, {"master": COMMIT, "develop": COMMIT})
    assert [move.channel for move in made.moves] == ["develop"]
    assert status(bucket, "master").state is RefreshState.PUBLISHED


def test_a_commit_that_is_published_is_not_made_again(bucket: Bucket, tmp_path: Path) -> None:
    (move,) = planned(bucket, tmp_path, {"master": COMMIT, "develop": COMMIT}).moves
    assert (move.make, move.previous, move.commit) == (False, None, COMMIT)


def test_a_new_commit_takes_over_from_its_channels_own(bucket: Bucket, tmp_path: Path) -> None:
    made = planned(bucket, tmp_path, {"master": NEXT, "develop": NEXT})
    assert [(move.make, move.previous) for move in made.moves] == [(True, COMMIT)] * 2
    assert [move.commit for move in made.made()] == [NEXT]
    assert made.moves[0].ref == "refs/heads/master"
    left = previous_files.read(tmp_path, COMMIT)
    assert left is not None
    assert left.manifest == published.manifest(bucket, COMMIT)
    assert left.keyboards_json_path.read_bytes() == SITE["v1/keyboards.json"]
    assert status(bucket, "master").state is RefreshState.RUNNING
    assert status(bucket, "master").serving == COMMIT


def test_a_source_is_asked_by_storages_clock(bucket: Bucket, tmp_path: Path) -> None:
    bucket.now = NOON + timedelta(days=400)
    (move,) = planned(bucket, tmp_path, {"master": NEXT}).moves
    assert move.resolved == bucket.now


def test_a_plan_reads_back(bucket: Bucket, tmp_path: Path) -> None:
    made = planned(bucket, tmp_path, {"master": NEXT})
    plan.write(made, tmp_path)
    read = plan.read(tmp_path)
    assert [move.commit for move in read.moves] == [NEXT]
    assert read.failures == {"develop": "the host is away"}
    with pytest.raises(TaskError, match="no plan"):
        plan.read(tmp_path / "elsewhere")


def test_a_source_that_cannot_be_asked_holds_up_no_other(bucket: Bucket, tmp_path: Path) -> None:
    made = planned(bucket, tmp_path, {"develop": NEXT})
    assert made.failures == {"master": "the host is away"}
    assert [move.channel for move in made.moves] == ["develop"]
    failed = status(bucket, "master")
    assert (failed.state, failed.serving, failed.message) == (
        RefreshState.FAILED,
        COMMIT,
        "the host is away",
    )


def test_what_only_an_older_version_published_is_made_again(bucket: Bucket, tmp_path: Path) -> None:
    body = dict(bucket.read_json(MANIFEST) or {})
    del body["generator"]
    published.write(bucket, MANIFEST, body)
    moves = planned(bucket, tmp_path, {"master": COMMIT, "develop": COMMIT}).moves
    assert [(move.make, move.anew, move.previous) for move in moves] == [(True, False, None)] * 2


def test_by_force_everything_is_made_from_nothing(bucket: Bucket, tmp_path: Path) -> None:
    (move,) = planned(bucket, tmp_path, {"master": COMMIT}, force=True).moves
    assert (move.make, move.anew, move.previous) == (True, True, None)


def test_what_was_known_of_a_commit_stays_known(bucket: Bucket, tmp_path: Path) -> None:
    known = RefreshStatus(
        "master", RefreshState.PUBLISHED, NOON, NOON, "published", COMMIT, COMMIT, NOON, 1
    )
    published.write(bucket, artifacts.refresh_status("master"), known)
    planned(bucket, tmp_path, {"master": COMMIT})
    seen = status(bucket, "master")
    assert (seen.fault_count, seen.finished, seen.message) == (1, NOON, "published")
    assert seen.updated > NOON


@pytest.mark.parametrize(
    ("ago", "finished", "state"),
    [
        (SILENT / 2, False, RefreshState.RUNNING),
        (SILENT * 2, False, RefreshState.FAILED),
        (SILENT * 2, True, RefreshState.RUNNING),
    ],
)
def test_refreshes_that_are_killed_again_and_again_are_seen(
    bucket: Bucket, tmp_path: Path, ago: timedelta, finished: bool, state: RefreshState
) -> None:
    then = datetime.now(UTC).replace(microsecond=0) - ago
    key = artifacts.refresh_status("master")
    known = RefreshStatus("master", RefreshState.RUNNING, then, then, "", NEXT, COMMIT)
    published.write(bucket, key, replace(known, finished=then if finished else None))
    # Another commit meanwhile is no end of the one before, nor is a second look.
    for commit in (NEXT, "c" * 40):
        planned(bucket, tmp_path, {"master": commit})
        seen = status(bucket, "master")
        assert (seen.state, seen.finished, seen.serving) == (state, None, COMMIT)
        assert (seen.started == then) is not finished
        assert ("has told how it ended" in seen.message) is (state is RefreshState.FAILED)
    planned(bucket, tmp_path, {"master": COMMIT})
    assert status(bucket, "master").state is RefreshState.PUBLISHED


def test_a_flag_for_what_is_served_already_goes(bucket: Bucket, tmp_path: Path) -> None:
    key = artifacts.refresh_request("master")
    published.write(bucket, key, RefreshRequest("master", COMMIT, NOON, "delivery"))
    planned(bucket, tmp_path, {"master": COMMIT})
    assert key not in bucket.stored


def test_a_pointer_to_what_is_gone_is_no_commit_before(bucket: Bucket, tmp_path: Path) -> None:
    published.write(bucket, artifacts.channel("master"), Channel("master", "c" * 40, NOON))
    (move,) = planned(bucket, tmp_path, {"master": NEXT}).moves
    assert (move.make, move.previous) == (True, None)
