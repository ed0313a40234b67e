"""In what order a snapshot becomes visible, and what is stored twice."""

from pathlib import Path

import pytest

from qmk_contract import artifacts
from qmk_contract.codec import from_body
from qmk_contract.site import SiteIndex
from qmk_contract.snapshot import Channel
from qmk_tasks.errors import TaskError
from qmk_tasks.publish import Counts, publish
from tests.unit.snapshot_objects import (
    COMMIT,
    COPIES,
    COUNT,
    INDEX,
    MANIFEST,
    POINTER,
    SITE,
    Bucket,
    index_of,
    write_snapshot,
)


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    write_snapshot(tmp_path)
    return tmp_path


def test_the_lists_follow_all_that_they_name_and_the_channel_comes_last(snapshot: Path) -> None:
    bucket = Bucket()
    assert publish(snapshot, COMMIT, "master", bucket) == Counts(stored=COUNT, kept=0)
    assert bucket.order[-3:] == [INDEX, MANIFEST, POINTER]
    assert from_body(SiteIndex, bucket.read_json(INDEX)) == index_of(SITE)
    channel = from_body(Channel, bucket.read_json(POINTER))
    assert (channel.channel, channel.commit) == ("master", COMMIT)


def test_every_object_has_its_content_type(snapshot: Path) -> None:
    bucket = Bucket()
    publish(snapshot, COMMIT, "master", bucket)
    types = {
        key.removeprefix(f"firmware/{COMMIT}/"): kind for key, (_, kind) in bucket.objects.items()
    }
    markdown, plain = "text/markdown; charset=utf-8", "text/plain; charset=utf-8"
    assert types == {
        "core.tar.zst": artifacts.ZSTD,
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
        POINTER: artifacts.JSON,
    }


def test_what_is_published_is_left_alone(snapshot: Path) -> None:
    bucket = Bucket()
    publish(snapshot, COMMIT, "master", bucket)
    before = list(bucket.order)
    assert publish(snapshot, COMMIT, "master", bucket) == Counts(0, 0)
    assert bucket.order == before


def test_another_channel_gets_no_more_than_a_pointer(snapshot: Path) -> None:
    bucket = Bucket()
    publish(snapshot, COMMIT, "master", bucket)
    publish(snapshot, COMMIT, "develop", bucket)
    assert bucket.order[-2:] == [POINTER, artifacts.channel("develop")]


def test_a_publication_that_broke_off_is_taken_up(snapshot: Path) -> None:
    bucket = Bucket()
    bucket.fails_at = MANIFEST
    with pytest.raises(TaskError, match="no space"):
        publish(snapshot, COMMIT, "master", bucket)
    assert POINTER not in bucket.objects
    bucket.fails_at = None
    assert publish(snapshot, COMMIT, "master", bucket) == Counts(stored=0, kept=COUNT)
    assert POINTER in bucket.objects


def test_a_commit_without_an_index_gets_one_and_what_is_missing(snapshot: Path) -> None:
    bucket = Bucket()
    publish(snapshot, COMMIT, "master", bucket)
    missing = [INDEX, *(artifacts.site_file(COMMIT, "v1/keyboards.json", one) for one in COPIES)]
    for key in missing:
        del bucket.objects[key]
    bucket.order.clear()
    expected = Counts(stored=len(COPIES), kept=COUNT - len(COPIES))
    assert publish(snapshot, COMMIT, "master", bucket) == expected
    assert bucket.order[-2:] == [INDEX, MANIFEST]
    assert set(missing) <= set(bucket.objects)


def test_an_object_with_other_bytes_is_stored_anew(snapshot: Path) -> None:
    bucket = Bucket()
    core = artifacts.core(COMMIT)
    data = (snapshot / core).read_bytes()
    bucket.objects[core] = (b"x" * len(data), artifacts.ZSTD)
    assert publish(snapshot, COMMIT, "master", bucket) == Counts(COUNT, kept=0)
    assert bucket.objects[core][0] == data
