"""In what order a snapshot becomes visible, and what is stored twice."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from qmk_contract import artifacts
from qmk_contract.codec import from_body, to_body
from qmk_contract.snapshot import Channel, Layer, Manifest
from qmk_tasks.errors import TaskError
from qmk_tasks.publish import Counts, publish

COMMIT = "a" * 40
POINTER = artifacts.channel("master")


class Bucket:
    """Objects in memory, in the order in which they came; fails at one key if told to."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, str]] = {}
        self.order: list[str] = []
        self.fails_at: str | None = None

    def read_json(self, key: str) -> Mapping[str, Any] | None:
        return json.loads(self.objects[key][0]) if key in self.objects else None

    def sizes(self, prefix: str) -> dict[str, int]:
        return {key: len(data) for key, (data, _) in self.objects.items() if key.startswith(prefix)}

    def digest(self, key: str) -> str | None:
        return hashlib.sha256(self.objects[key][0]).hexdigest()

    def put(self, key: str, data: bytes, content_type: str) -> None:
        if key == self.fails_at:
            raise TaskError("no space")
        self.objects[key] = (data, content_type)
        self.order.append(key)


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    """A folder as the snapshot task leaves it."""

    def layer(key: str) -> Layer:
        data = f"bytes of {key}".encode()
        write(tmp_path, key, data)
        return Layer(key, len(data), hashlib.sha256(data).hexdigest())

    manifest = Manifest(
        commit=COMMIT,
        created=datetime(2026, 1, 1, tzinfo=UTC),
        core=layer(artifacts.core(COMMIT)),
        source=layer(artifacts.source(COMMIT)),
        keyboards={"demo": layer(artifacts.keyboard_folder(COMMIT, "demo"))},
        chibios=layer(artifacts.chibios(COMMIT)),
    )
    write(tmp_path, artifacts.manifest(COMMIT), json.dumps(to_body(manifest)).encode())
    write(tmp_path, artifacts.keyboard_list(COMMIT), b"{}")
    write(tmp_path, artifacts.metadata(COMMIT, "keyboards/demo/pad/readme.md"), b"# Pad")
    write(tmp_path, artifacts.metadata(COMMIT, "schemas/keymap.jsonschema"), b"{}")
    return tmp_path


def write(folder: Path, key: str, data: bytes) -> None:
    (folder / key).parent.mkdir(parents=True, exist_ok=True)
    (folder / key).write_bytes(data)


def test_the_manifest_follows_all_layers_and_the_channel_comes_last(snapshot: Path) -> None:
    bucket = Bucket()
    assert publish(snapshot, COMMIT, "master", bucket) == Counts(stored=7, kept=0)
    assert bucket.order[-2:] == [artifacts.manifest(COMMIT), POINTER]
    channel = from_body(Channel, bucket.read_json(POINTER))
    assert (channel.channel, channel.commit) == ("master", COMMIT)


def test_every_object_has_its_content_type(snapshot: Path) -> None:
    bucket = Bucket()
    publish(snapshot, COMMIT, "master", bucket)
    types = {key.rpartition("/")[2]: kind for key, (_, kind) in bucket.objects.items()}
    assert types == {
        "core.tar.zst": artifacts.ZSTD,
        "chibios.tar.zst": artifacts.ZSTD,
        "demo.tar.zst": artifacts.ZSTD,
        "source.zip": artifacts.ZIP,
        "keyboard_list.json": artifacts.JSON,
        "keymap.jsonschema": artifacts.JSON,
        "readme.md": "text/markdown; charset=utf-8",
        "manifest.json": artifacts.JSON,
        "master.json": artifacts.JSON,
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
    bucket.fails_at = artifacts.manifest(COMMIT)
    with pytest.raises(TaskError, match="no space"):
        publish(snapshot, COMMIT, "master", bucket)
    assert POINTER not in bucket.objects
    bucket.fails_at = None
    assert publish(snapshot, COMMIT, "master", bucket) == Counts(stored=0, kept=7)
    assert POINTER in bucket.objects


def test_an_object_with_other_bytes_is_stored_anew(snapshot: Path) -> None:
    bucket = Bucket()
    core = artifacts.core(COMMIT)
    data = (snapshot / core).read_bytes()
    bucket.objects[core] = (b"x" * len(data), artifacts.ZSTD)
    assert publish(snapshot, COMMIT, "master", bucket) == Counts(stored=7, kept=0)
    assert bucket.objects[core][0] == data


def test_a_layer_that_is_not_the_manifests_moves_no_channel(snapshot: Path) -> None:
    bucket = Bucket()
    (snapshot / artifacts.core(COMMIT)).write_bytes(b"other")
    with pytest.raises(TaskError, match="not the file"):
        publish(snapshot, COMMIT, "master", bucket)
    assert POINTER not in bucket.objects
    assert artifacts.manifest(COMMIT) not in bucket.objects


def test_links_are_neither_followed_nor_published(snapshot: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("canary")
    metadata = snapshot / artifacts.metadata(COMMIT, "link.json")
    metadata.symlink_to(secret)
    bucket = Bucket()
    publish(snapshot, COMMIT, "master", bucket)
    assert all(b"canary" not in data for data, _ in bucket.objects.values())
    core = snapshot / artifacts.core(COMMIT)
    content = core.read_bytes()
    core.unlink()
    secret.write_bytes(content)
    core.symlink_to(secret)
    with pytest.raises(TaskError, match="cannot be read"):
        publish(snapshot, COMMIT, "master", Bucket())


def test_a_name_that_no_key_may_have_is_left_out(
    snapshot: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(snapshot, f"firmware/{COMMIT}/api/v1/odd name.json", b"{}")
    bucket = Bucket()
    publish(snapshot, COMMIT, "master", bucket)
    assert "odd name.json" in capsys.readouterr().out
    assert not any("odd" in key for key in bucket.objects)


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
    manifest = snapshot / artifacts.manifest(COMMIT)
    manifest.write_text(manifest.read_text().replace(old, new))
    bucket = Bucket()
    with pytest.raises(TaskError):
        publish(snapshot, COMMIT, "master", bucket)
    assert not bucket.objects


def test_no_snapshot_is_no_publication(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match=r"manifest\.json"):
        publish(tmp_path, COMMIT, "master", Bucket())


def test_a_folder_that_is_a_link_is_refused(snapshot: Path, tmp_path: Path) -> None:
    metadata = (snapshot / artifacts.keyboard_list(COMMIT)).parent
    elsewhere = tmp_path / "elsewhere"
    metadata.rename(elsewhere)
    (elsewhere / "canary.json").write_text("canary")
    metadata.symlink_to(elsewhere)
    bucket = Bucket()
    with pytest.raises(TaskError, match="is a link"):
        publish(snapshot, COMMIT, "master", bucket)
    assert all(b"canary" not in data for data, _ in bucket.objects.values())


def test_a_folder_of_layers_that_is_a_link_is_refused(snapshot: Path, tmp_path: Path) -> None:
    folder = (snapshot / artifacts.keyboard_folder(COMMIT, "demo")).parent
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    bucket = Bucket()
    with pytest.raises(TaskError, match="is a link"):
        publish(snapshot, COMMIT, "master", bucket)
    assert not bucket.objects
