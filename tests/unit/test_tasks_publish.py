"""In what order a snapshot becomes visible, and what is stored, copied or left."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from qmk_contract import artifacts
from qmk_contract.codec import from_body, to_body
from qmk_contract.refresh import ObjectCounts
from qmk_contract.site import SiteIndex
from qmk_contract.snapshot import Channel, Layer, Manifest
from qmk_tasks.errors import TaskError
from qmk_tasks.handover.plan import Move, Plan
from qmk_tasks.layers import packing
from qmk_tasks.publishing.publication import Publications
from qmk_tasks.publishing.publish import publish
from qmk_tasks.storage.lease import Lost
from tests.unit.snapshot_objects import (
    COMMIT,
    COPIES,
    COUNT,
    INDEX,
    MANIFEST,
    POINTER,
    SITE,
    Bucket,
    Held,
    index_of,
    write_index,
    write_snapshot,
)

NEXT = "b" * 40
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """A snapshot of COMMIT as the steps before leave it."""
    write_snapshot(tmp_path / COMMIT / "objects")
    return tmp_path


@pytest.fixture
def snapshot(work: Path) -> Path:
    return work / COMMIT / "objects"


def run(work: Path, bucket: Bucket, channel: str = "master", **changes: Any) -> dict[str, str]:
    """Carry a plan of one move out; returns the failures."""
    move = replace(Move(channel, COMMIT, NOW, make=True), **changes)
    return Publications(Plan(NOW, (move,)), work, bucket).run()[1]


def test_the_lists_follow_all_that_they_name_and_the_channel_comes_last(work: Path) -> None:
    bucket = Bucket()
    assert run(work, bucket) == {}
    visible = [key for key in bucket.order if key.startswith(("firmware/", "channels/"))]
    assert visible[-3:] == [INDEX, MANIFEST, POINTER]
    assert len(visible) == COUNT + 3
    assert from_body(SiteIndex, bucket.read_json(INDEX)) == index_of(SITE)
    channel = from_body(Channel, bucket.read_json(POINTER))
    assert (channel.channel, channel.commit, channel.resolved) == ("master", COMMIT, NOW)


def test_every_object_has_its_content_type(snapshot: Path) -> None:
    bucket = Bucket()
    publish(snapshot, COMMIT, None, bucket, Held())
    types = {
        key.removeprefix(f"firmware/{COMMIT}/"): kind for key, (_, kind) in bucket.stored.items()
    }
    markdown, plain = "text/markdown; charset=utf-8", "text/plain; charset=utf-8"
    assert types == {
        "core.tar.zst": artifacts.ZSTD,
        "generator.tar.zst": artifacts.ZSTD,
        "chibios.tar.zst": artifacts.ZSTD,
        "keyboards/demo.tar.zst": artifacts.ZSTD,
        "source.zip": artifacts.ZIP,
        "api/readme.md": markdown,
        "api/v1/keyboard_list.json": artifacts.JSON,
        "api/v1/keyboard_aliases.json": artifacts.JSON,
        "api/v1/keyboards.json": artifacts.JSON,
        "api-gzip/v1/keyboards.json": artifacts.JSON,
        "api-zstd/v1/keyboards.json": artifacts.JSON,
        "api/v1/keyboards/demo/pad/info.json": artifacts.JSON,
        "api/v1/keyboards/demo/pad/readme.md": markdown,
        "api/v1/schemas/keymap.jsonschema": artifacts.JSON,
        "api/v1/templates/keymap.c": plain,
        "site.json": artifacts.JSON,
        "manifest.json": artifacts.JSON,
    }


def test_what_is_published_is_left_alone(work: Path) -> None:
    bucket = Bucket()
    run(work, bucket)
    before = dict(bucket.stored)
    assert run(work, bucket) == {}
    changed = {key for key, value in bucket.stored.items() if before.get(key) != value}
    assert changed == {artifacts.refresh_status("master")}


def test_another_channel_gets_no_more_than_a_pointer(work: Path) -> None:
    bucket = Bucket()
    run(work, bucket)
    before = set(bucket.stored)
    assert run(work, bucket, "develop", make=False) == {}
    status = artifacts.refresh_status("develop")
    assert set(bucket.stored) - before == {artifacts.channel("develop"), status}


def test_a_publication_that_broke_off_is_taken_up(work: Path, snapshot: Path) -> None:
    bucket = Bucket()
    bucket.fails_at = MANIFEST
    assert run(work, bucket) == {"master": "no space"}
    assert POINTER not in bucket.stored
    bucket.fails_at = None
    assert publish(snapshot, COMMIT, None, bucket, Held()) == ObjectCounts(kept=COUNT)
    assert run(work, bucket) == {}
    assert POINTER in bucket.stored


def test_a_commit_without_an_index_gets_one_and_what_is_missing(snapshot: Path) -> None:
    bucket = Bucket()
    publish(snapshot, COMMIT, None, bucket, Held())
    missing = [INDEX, *(artifacts.site_file(COMMIT, "v1/keyboards.json", one) for one in COPIES)]
    bucket.delete(missing)
    bucket.order.clear()
    expected = ObjectCounts(stored=len(COPIES), kept=COUNT - len(COPIES))
    assert publish(snapshot, COMMIT, None, bucket, Held()) == expected
    assert bucket.order[-1] == INDEX
    assert set(missing) <= set(bucket.stored)


def test_an_object_with_other_bytes_is_stored_anew(snapshot: Path) -> None:
    bucket = Bucket()
    core = artifacts.core(COMMIT)
    data = (snapshot / core).read_bytes()
    bucket.put(core, b"x" * len(data), artifacts.ZSTD)
    assert publish(snapshot, COMMIT, None, bucket, Held()) == ObjectCounts(COUNT)
    assert bucket.stored[core][0] == data


def next_snapshot(work: Path, bucket: Bucket) -> Path:
    """A later commit's snapshot that has nothing of its own but its archive and its lists."""
    run(work, bucket)
    objects = work / NEXT / "objects"
    (objects / artifacts.manifest(NEXT)).parent.mkdir(parents=True)

    def moved(text: bytes) -> bytes:
        return text.replace(COMMIT.encode(), NEXT.encode())

    for old, new in ((MANIFEST, artifacts.manifest(NEXT)), (INDEX, artifacts.site_index(NEXT))):
        (objects / new).write_bytes(moved(bucket.stored[old][0]))
    for path in ("v1/keyboard_list.json", "v1/keyboard_aliases.json"):
        target = objects / artifacts.site_file(NEXT, path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(SITE[path])
    return objects


def test_what_the_commit_before_has_is_copied_in_storage(work: Path) -> None:
    bucket = Bucket()
    objects = next_snapshot(work, bucket)
    assert publish(objects, NEXT, COMMIT, bucket, Held()) == ObjectCounts(copied=COUNT)
    assert all(f"firmware/{COMMIT}/" in source for source in bucket.copied.values())
    for key, (data, kind) in bucket.stored.copy().items():
        if key.startswith(f"firmware/{COMMIT}/") and key not in (MANIFEST, INDEX):
            assert bucket.stored[key.replace(COMMIT, NEXT)] == (data, kind)


def test_what_the_snapshot_says_of_the_commit_before_counts_for_nothing(work: Path) -> None:
    bucket = Bucket()
    objects = next_snapshot(work, bucket)
    manifest = from_body(Manifest, json.loads((objects / artifacts.manifest(NEXT)).read_bytes()))
    forged = replace(manifest, core=Layer(manifest.core.key, manifest.core.size, "0" * 64))
    (objects / artifacts.manifest(NEXT)).write_text(json.dumps(to_body(forged)))
    with pytest.raises(TaskError, match="no longer whole"):
        publish(objects, NEXT, COMMIT, bucket, Held())
    assert artifacts.manifest(NEXT) not in bucket.stored


@pytest.mark.parametrize("key", [artifacts.core(COMMIT), MANIFEST, INDEX])
def test_a_commit_before_that_is_gone_is_no_source(work: Path, key: str) -> None:
    bucket = Bucket()
    objects = next_snapshot(work, bucket)
    bucket.delete([key])
    with pytest.raises(TaskError, match="the next refresh makes it anew"):
        publish(objects, NEXT, COMMIT, bucket, Held())
    assert artifacts.manifest(NEXT) not in bucket.stored


def test_who_has_lost_a_commit_writes_no_lists(snapshot: Path) -> None:
    class Dead(Held):
        def check(self) -> None:
            raise Lost("lost")

    bucket = Bucket()
    with pytest.raises(Lost):
        publish(snapshot, COMMIT, None, bucket, Dead())
    assert not {INDEX, MANIFEST} & set(bucket.stored)


def test_who_knows_of_a_loss_writes_nothing_more(snapshot: Path) -> None:
    class Dead(Held):
        def require(self) -> None:
            raise Lost("lost")

    bucket = Bucket()
    with pytest.raises(Lost):
        publish(snapshot, COMMIT, None, bucket, Dead())
    assert bucket.order == []


@pytest.mark.parametrize("key", [artifacts.core(COMMIT), INDEX, MANIFEST])
def test_nothing_is_written_over_what_another_refresh_wrote_meanwhile(work: Path, key: str) -> None:
    class Overtaken(Bucket):
        """Another one was faster by the time that an object is written."""

        def put_if(self, key_: str, data: bytes, content_type: str, etag: str | None) -> bool:
            if key_ == key:
                self.put(key, b"{}", content_type)
            return super().put_if(key_, data, content_type, etag)

    bucket = Overtaken()
    assert run(work, bucket) == {"master": f"another refresh has written {key}"}
    assert bucket.stored[key][0] == b"{}"
    # Whoever has written it tells how it ends.
    assert not {POINTER, artifacts.refresh_status("master")} & set(bucket.stored)


INFO = "v1/keyboards/demo/pad/info.json"


def made_later(snapshot: Path) -> None:
    """The snapshot as another time, and other tools, would make it of the same tree."""
    files = {**SITE, INFO: b"{ 1 }", "v1/keyboards.json": b'{"keyboards": {"a": {}}}'}
    for path, data in files.items():
        (snapshot / artifacts.site_file(COMMIT, path)).write_bytes(data)
    write_index(snapshot, index_of(files))
    manifest = from_body(Manifest, json.loads((snapshot / MANIFEST).read_bytes()))
    (snapshot / manifest.core.key).write_bytes(b"packed by another zstd")
    core = packing.describe(snapshot, manifest.core.key)
    later = replace(manifest, core=core, created=NOW, contents={"metadata": "2", "core": "2"})
    (snapshot / MANIFEST).write_text(json.dumps(to_body(later)))


def test_a_commit_that_is_served_keeps_its_bytes(work: Path, snapshot: Path) -> None:
    bucket = Bucket()
    run(work, bucket)
    before = dict(bucket.stored)
    made_later(snapshot)
    assert publish(snapshot, COMMIT, None, bucket, Held()).kept == COUNT
    # In its lists, too: whoever has read them may go by them.
    assert {key for key in before if bucket.stored[key] != before[key]} == set()


def test_of_a_commit_that_is_served_what_is_damaged_is_mended(work: Path, snapshot: Path) -> None:
    bucket = Bucket()
    run(work, bucket)
    made_later(snapshot)
    key = artifacts.site_file(COMMIT, INFO)
    bucket.put(key, b"", artifacts.JSON)
    assert publish(snapshot, COMMIT, None, bucket, Held()) == ObjectCounts(1, 0, COUNT - 1)
    assert bucket.stored[key][0] == b"{ 1 }"
    mended = from_body(SiteIndex, bucket.read_json(INDEX)).files
    assert {path for path, file in index_of(SITE).files.items() if mended[path] != file} == {INFO}


def test_a_list_of_before_there_were_generators_gets_one(work: Path) -> None:
    bucket = Bucket()
    run(work, bucket)
    manifest = from_body(Manifest, bucket.read_json(MANIFEST))
    old = json.dumps(to_body(replace(manifest, generator=None))).encode()
    bucket.put(MANIFEST, old, artifacts.JSON)
    bucket.delete([artifacts.generator(COMMIT)])
    bucket.order.clear()
    assert run(work, bucket) == {}
    written = [key for key in bucket.order if key.startswith("firmware/")]
    assert written == [artifacts.generator(COMMIT), MANIFEST]
    assert from_body(Manifest, bucket.read_json(MANIFEST)).generator == manifest.generator


def test_a_channel_to_a_commit_that_is_gone_does_not_move(work: Path) -> None:
    bucket = Bucket()
    assert "no longer in storage" in run(work, bucket, make=False)["master"]
    assert POINTER not in bucket.stored
