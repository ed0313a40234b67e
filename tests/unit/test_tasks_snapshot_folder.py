"""What of a folder that a tree's own code wrote to is published, and what is refused."""

import json
import os
import tracemalloc
from dataclasses import replace
from pathlib import Path

import pytest

from qmk_contract import artifacts
from qmk_contract.codec import from_body
from qmk_contract.refresh import ObjectCounts
from qmk_contract.site import FAULTS_MAX, INDEX_BYTES_MAX, SiteIndex
from qmk_tasks.errors import TaskError
from qmk_tasks.publishing.publish import publish
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
    write,
    write_index,
    write_snapshot,
)


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    write_snapshot(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "key",
    [
        artifacts.core(COMMIT),
        artifacts.site_file(COMMIT, "readme.md"),
        artifacts.site_file(COMMIT, "v1/keyboards.json", "gzip"),
    ],
)
def test_a_file_that_is_not_as_listed_moves_no_channel(snapshot: Path, key: str) -> None:
    bucket = Bucket()
    (snapshot / key).write_bytes(b"other")
    with pytest.raises(TaskError, match="not the file"):
        publish(snapshot, COMMIT, None, bucket, Held())
    assert not {POINTER, MANIFEST, INDEX} & set(bucket.stored)


@pytest.mark.parametrize("coding", [None, *COPIES])
def test_a_file_that_is_listed_and_missing_moves_no_channel(
    snapshot: Path, coding: str | None
) -> None:
    bucket = Bucket()
    (snapshot / artifacts.site_file(COMMIT, "v1/keyboards.json", coding)).unlink()
    with pytest.raises(TaskError, match="to be taken from the commit before"):
        publish(snapshot, COMMIT, None, bucket, Held())
    assert not {POINTER, MANIFEST, INDEX} & set(bucket.stored)


def test_a_file_that_no_list_names_is_not_stored(snapshot: Path) -> None:
    write(snapshot, f"firmware/{COMMIT}/api/v1/extra.json", b"{}")
    write(snapshot, f"firmware/{COMMIT}/api/v1/odd name.json", b"{}")
    bucket = Bucket()
    assert publish(snapshot, COMMIT, None, bucket, Held()) == ObjectCounts(COUNT)
    assert not any("extra" in key or "odd" in key for key in bucket.stored)


@pytest.mark.parametrize(
    "key",
    [
        artifacts.core(COMMIT),
        artifacts.site_file(COMMIT, "readme.md"),
        artifacts.site_file(COMMIT, "v1/keyboards.json", "zstd"),
        INDEX,
        MANIFEST,
    ],
)
def test_no_link_is_followed(snapshot: Path, tmp_path: Path, key: str) -> None:
    (snapshot / key).rename(tmp_path / "elsewhere")
    (snapshot / key).symlink_to(tmp_path / "elsewhere")
    bucket = Bucket()
    with pytest.raises(TaskError, match="cannot be read"):
        publish(snapshot, COMMIT, None, bucket, Held())
    assert not {POINTER, MANIFEST, INDEX} & set(bucket.stored)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (COMMIT, "b" * 40),
        (f"firmware/{COMMIT}/core.tar.zst", "channels/master.json"),
        ('"demo"', '"../../x"'),
        ("{", "["),
        ("size", "length"),
    ],
)
def test_a_manifest_that_is_not_this_commits_is_refused(snapshot: Path, old: str, new: str) -> None:
    manifest = snapshot / MANIFEST
    manifest.write_text(manifest.read_text().replace(old, new))
    bucket = Bucket()
    with pytest.raises(TaskError):
        publish(snapshot, COMMIT, None, bucket, Held())
    assert not bucket.stored


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (COMMIT, "b" * 40),
        ("v1/keyboard_aliases.json", "v1/aliases.json"),
        ("v1/keyboard_aliases.json", "../v1/keyboard_aliases.json"),
        ("{", "["),
        ("sha256", "sha512"),
    ],
)
def test_an_index_that_is_not_this_commits_is_refused(snapshot: Path, old: str, new: str) -> None:
    index = snapshot / INDEX
    index.write_text(index.read_text().replace(old, new))
    bucket = Bucket()
    with pytest.raises(TaskError, match="index"):
        publish(snapshot, COMMIT, None, bucket, Held())
    assert not bucket.stored


@pytest.mark.parametrize(
    "path",
    ["healthz", "v1/compile", "../../../channels/master.json", "v1/odd name.json", "v1/\ud83d.md"],
)
def test_what_is_no_part_of_the_site_is_left_out_and_said(
    snapshot: Path, path: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_index(snapshot, index_of({**SITE, path: b"{}"}))
    bucket = Bucket()
    assert publish(snapshot, COMMIT, None, bucket, Held()) == ObjectCounts(COUNT)
    assert from_body(SiteIndex, bucket.read_json(INDEX)) == index_of(SITE)
    assert f"Left out: {path!r}, not a path of the keyboard site." in capsys.readouterr().out


def test_of_all_that_is_left_out_the_log_names_a_few(
    snapshot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_index(snapshot, index_of({**SITE, **{f"x{number}": b"{}" for number in range(90)}}))
    publish(snapshot, COMMIT, None, Bucket(), Held())
    said = [line for line in capsys.readouterr().out.splitlines() if "Left out" in line]
    assert (len(said), said[-1]) == (51, "Left out: 40 more.")


@pytest.mark.parametrize("path", ["v1/keyboard_list.json", "v1/keyboard_aliases.json"])
@pytest.mark.parametrize("content", [b"[]", b"x", b"{}", b"[" * 100_000, b" " * (1 << 20)])
def test_a_tree_without_lists_that_can_be_read_is_not_published(
    snapshot: Path, path: str, content: bytes
) -> None:
    write(snapshot, artifacts.site_file(COMMIT, path), content)
    write_index(snapshot, index_of({**SITE, path: content}))
    bucket = Bucket()
    with pytest.raises(TaskError, match=f"{path} cannot be read: "):
        publish(snapshot, COMMIT, None, bucket, Held())
    assert not bucket.stored


@pytest.mark.parametrize("name", [INDEX, MANIFEST])
@pytest.mark.parametrize("content", [b"[" * 100_000, b"{}" + b" " * INDEX_BYTES_MAX])
def test_a_list_that_is_endless_or_bottomless_is_refused(
    snapshot: Path, name: str, content: bytes
) -> None:
    write(snapshot, name, content)
    with pytest.raises(TaskError, match="cannot be read: "):
        publish(snapshot, COMMIT, None, Bucket(), Held())


@pytest.mark.parametrize("size", [-1, -2, -9])
def test_a_layer_of_less_than_nothing_is_refused(snapshot: Path, size: int) -> None:
    body = json.loads((snapshot / MANIFEST).read_bytes())
    body["core"]["size"] = size
    write(snapshot, MANIFEST, json.dumps(body).encode())
    with pytest.raises(TaskError, match="not the file"):
        publish(snapshot, COMMIT, None, Bucket(), Held())


def test_a_file_of_another_size_is_not_read_to_its_end(snapshot: Path) -> None:
    size = 64 << 20
    os.truncate(snapshot / artifacts.site_file(COMMIT, "v1/keyboards.json"), size)
    tracemalloc.start()
    try:
        with pytest.raises(TaskError, match="not the file"):
            publish(snapshot, COMMIT, None, Bucket(), Held())
        assert tracemalloc.get_traced_memory()[1] < size
    finally:
        tracemalloc.stop()


def test_faults_are_stored_within_bounds(snapshot: Path) -> None:
    many = ("\ud800",) * (FAULTS_MAX + 1)
    faults = {"demo/pad": many, "../pad": many}
    write_index(snapshot, replace(index_of(SITE), faults=faults))
    bucket = Bucket()
    publish(snapshot, COMMIT, None, bucket, Held())
    stored = from_body(SiteIndex, bucket.read_json(INDEX))
    assert stored.faults == {"demo/pad": ("?",) * FAULTS_MAX}


def test_no_snapshot_is_no_publication(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"manifest\.json"):
        publish(tmp_path, COMMIT, None, Bucket(), Held())


def test_a_folder_that_is_a_link_is_refused(snapshot: Path, tmp_path: Path) -> None:
    metadata = (snapshot / artifacts.keyboard_list(COMMIT)).parent
    elsewhere = tmp_path / "elsewhere"
    metadata.rename(elsewhere)
    (elsewhere / "canary.json").write_text("canary")
    metadata.symlink_to(elsewhere)
    bucket = Bucket()
    with pytest.raises(TaskError, match="is a link"):
        publish(snapshot, COMMIT, None, bucket, Held())
    assert all(b"canary" not in data for data, _ in bucket.stored.values())


def test_a_folder_of_layers_that_is_a_link_is_refused(snapshot: Path, tmp_path: Path) -> None:
    folder = (snapshot / artifacts.keyboard_folder(COMMIT, "demo")).parent
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    bucket = Bucket()
    with pytest.raises(TaskError, match="is a link"):
        publish(snapshot, COMMIT, None, bucket, Held())
    assert not bucket.stored
