"""What is removed, when, and what never is."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from qmk_contract import artifacts
from qmk_contract.codec import to_body
from qmk_contract.keyboard_record import record_digest
from qmk_contract.snapshot import Channel, Layer, Manifest
from qmk_tasks.errors import TaskError
from qmk_tasks.release.removal import Removal
from qmk_tasks.storage import lease, published
from qmk_tasks.storage.lease import LeaseTimes
from tests.unit.snapshot_objects import Bucket

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
GRACE = timedelta(hours=24)
OLD, NEW = "a" * 40, "b" * 40
TOOLCHAIN = f"sha256:{'7' * 64}"


def manifest(commit: str) -> Manifest:
    def layer(key: str) -> Layer:
        return Layer(key, 1, "5" * 64)

    return Manifest(
        commit=commit,
        created=NOON,
        core=Layer(artifacts.core(commit), 1, commit[0] * 64),
        source=layer(artifacts.source(commit)),
        keyboards={"demo": layer(artifacts.keyboard_folder(commit, "demo"))},
        generator=layer(artifacts.generator(commit)),
    )


@dataclass
class World:
    """A bucket with two commits, of which the channel names the newer one; and a clock."""

    bucket: Bucket = field(default_factory=Bucket)
    jobs: set[str] = field(default_factory=set)
    asked: int = 0

    def __post_init__(self) -> None:
        for commit in (OLD, NEW):
            self.bucket.put(artifacts.core(commit), b"x", artifacts.ZSTD)
            self.bucket.put(artifacts.site_index(commit), b"{}", artifacts.JSON)
            self.bucket.put(artifacts.site_file(commit, "readme.md"), b"x", "text/markdown")
            published.write(self.bucket, artifacts.manifest(commit), manifest(commit))
        self.point_at(NEW)
        self.bucket.put("hostname", b"x", "text/plain")
        self.bucket.put("firmware/odd", b"x", "text/plain")
        self.bucket.put("firmware/not-a-commit/core.tar.zst", b"x", "text/plain")

    def point_at(self, commit: str, channel: str = "master") -> None:
        published.write(self.bucket, artifacts.channel(channel), Channel(channel, commit, NOON))

    def look(self, *, after: timedelta = timedelta()) -> list[str]:
        """Commits that were removed at a look so much later."""
        self.bucket.now += after
        return self.removal().commits()

    def removal(self) -> Removal:
        return Removal(self.bucket, self.named, GRACE, self.bucket.now)

    def named(self) -> set[str]:
        self.asked += 1
        return self.jobs

    def has(self, commit: str) -> bool:
        return any(key.startswith(artifacts.firmware(commit)) for key in self.bucket.stored)


def test_a_commit_goes_when_nothing_has_named_it_for_a_day() -> None:
    world = World()
    assert world.look() == []
    assert world.look(after=GRACE - timedelta(seconds=1)) == []
    assert world.asked == 0
    assert world.look(after=timedelta(seconds=1)) == [OLD]
    assert not world.has(OLD)
    assert world.has(NEW)
    notes = {key for key in world.bucket.stored if key.startswith(artifacts.UNNAMED)}
    assert not notes
    assert {"hostname", "firmware/odd", "firmware/not-a-commit/core.tar.zst"} <= set(
        world.bucket.stored
    )


def test_its_manifest_goes_first() -> None:
    deleted: list[str] = []

    class Watched(Bucket):
        def delete(self, keys: Iterable[str]) -> None:
            keys = list(keys)
            deleted.extend(keys)
            super().delete(keys)

    world = World(Watched())
    world.look()
    world.look(after=GRACE)
    firmware = [key for key in deleted if key.startswith("firmware/")]
    assert firmware[:2] == [artifacts.manifest(OLD), artifacts.site_index(OLD)]


def test_a_commit_that_any_channel_names_stays() -> None:
    world = World()
    world.point_at(OLD, "retired")
    world.look()
    assert world.look(after=GRACE * 2) == []


def test_a_commit_that_a_job_names_stays_for_another_day() -> None:
    world = World(jobs={OLD})
    world.look()
    assert world.look(after=GRACE) == []
    world.jobs.clear()
    assert world.look() == []
    assert world.look(after=GRACE) == [OLD]


def test_the_day_begins_again_when_a_channel_has_been_back() -> None:
    world = World()
    world.look()
    world.point_at(OLD)
    world.look(after=GRACE / 2)
    world.point_at(NEW)
    world.look(after=GRACE / 2)
    assert world.look(after=GRACE / 2) == []
    assert world.look(after=GRACE / 2) == [OLD]


def test_a_commit_that_somebody_is_at_stays() -> None:
    world = World()
    world.look()
    world.bucket.now += GRACE
    with lease.held(world.bucket, OLD, LeaseTimes()):
        assert world.removal().commits() == []
    assert world.removal().commits() == [OLD]


def test_a_channel_that_moves_back_meanwhile_keeps_its_commit() -> None:
    world = World()
    world.look()
    world.bucket.now += GRACE

    def named() -> set[str]:
        world.point_at(OLD)
        return set()

    assert replace(world.removal(), named_by_jobs=named).commits() == []
    assert world.has(OLD)


def test_a_removal_that_broke_off_goes_on() -> None:
    world = World()
    world.look()
    world.bucket.delete([artifacts.manifest(OLD), artifacts.site_index(OLD)])
    assert world.look(after=GRACE) == [OLD]
    assert not world.has(OLD)


def test_what_a_refresh_left_half_way_goes_as_well() -> None:
    world = World()
    half = "c" * 40
    world.bucket.put(artifacts.core(half), b"x", artifacts.ZSTD)
    world.look()
    assert set(world.look(after=GRACE)) == {OLD, half}


def test_jobs_that_cannot_be_listed_remove_nothing() -> None:
    world = World()
    world.look()
    world.bucket.now += GRACE

    def away() -> set[str]:
        raise TaskError("Kubernetes does not answer")

    with pytest.raises(TaskError, match="does not answer"):
        replace(world.removal(), named_by_jobs=away).commits()
    assert world.has(OLD)


def record(commit: str, toolchain: str = TOOLCHAIN) -> list[str]:
    layers = manifest(commit).layers_for("demo", "avr")
    digest = record_digest(layers, toolchain)
    return [
        artifacts.keyboard_record(digest, "demo/pad"),
        artifacts.record_pointer(digest, "demo/pad"),
    ]


def test_records_go_that_no_commit_has_a_use_for() -> None:
    world = World()
    other = f"sha256:{'8' * 64}"
    kept, gone = record(NEW), [*record("c" * 40), *record(NEW, other)]
    for key in (*kept, *gone, "cache/odd"):
        world.bucket.put(key, b"{}", artifacts.JSON)
    assert world.removal().records(TOOLCHAIN) == 0
    world.bucket.now += GRACE
    assert world.removal().records(TOOLCHAIN) == len(gone)
    assert {*kept, "cache/odd"} <= set(world.bucket.stored)
    assert not set(gone) & set(world.bucket.stored)


def test_a_manifest_that_cannot_be_read_needs_no_records() -> None:
    world = World()
    body = json.dumps({**to_body(manifest(OLD)), "core": None}).encode()
    world.bucket.put(artifacts.manifest(OLD), body, artifacts.JSON)
    assert world.removal().records(TOOLCHAIN) == 0
