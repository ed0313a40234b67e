"""A snapshot's objects into S3: layers and metadata, then the manifest, then the channel.

Readers start at the channel and follow it to the manifest, so nothing half-published is ever
seen, and a publication that was broken off is taken up where it ended.
"""

import hashlib
import json
import os
import stat
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from qmk_contract import artifacts
from qmk_contract.codec import BodyError, from_body, to_body
from qmk_contract.snapshot import Channel, Layer, Manifest
from qmk_tasks.errors import TaskError
from qmk_tasks.storage import read_plain_file

CONNECTIONS = 16
_REPORT_EVERY = 1000
_METADATA_TYPES = {
    ".json": artifacts.JSON,
    ".jsonschema": artifacts.JSON,
    ".md": "text/markdown; charset=utf-8",
}


class Objects(Protocol):
    """What publishing needs of a bucket."""

    def read_json(self, key: str) -> Mapping[str, Any] | None: ...

    def sizes(self, prefix: str) -> dict[str, int]: ...

    def digest(self, key: str) -> str | None: ...

    def put(self, key: str, data: bytes, content_type: str) -> None: ...


@dataclass(frozen=True)
class Counts:
    """Objects that were stored, and objects that were there already."""

    stored: int
    kept: int


def publish(objects: Path, commit: str, channel: str, storage: Objects) -> Counts:
    """Publish the snapshot of one commit from a folder, and let a channel point at it.

    A commit that is published stays as it is; only the channel moves.

    Raises:
        TaskError: the folder is no snapshot of that commit, or storage failed.
    """
    pointer = artifacts.channel(channel)
    _refuse_linked_folders(objects)
    manifest = _read_manifest(objects, commit)
    counts = Counts(0, 0)
    if storage.read_json(artifacts.manifest(commit)) is None:
        counts = _store_all(objects, manifest, storage)
        body = json.dumps(to_body(manifest)).encode()
        storage.put(artifacts.manifest(commit), body, artifacts.JSON)
    if (storage.read_json(pointer) or {}).get("commit") != commit:
        moved = Channel(channel, commit, datetime.now(UTC))
        storage.put(pointer, json.dumps(to_body(moved)).encode(), artifacts.JSON)
    return counts


def _store_all(objects: Path, manifest: Manifest, storage: Objects) -> Counts:
    there = storage.sizes(artifacts.firmware(manifest.commit))
    work: list[Callable[[], bool]] = [
        *(lambda layer=layer: _store_layer(objects, layer, there, storage)
          for layer in _layers(manifest)),
        *(lambda key=key, path=path: _store(
            key, read_plain_file(path), _metadata_type(key), there, storage)
          for key, path in _metadata(objects, manifest.commit)),
    ]  # fmt: skip
    stored = 0
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for number, done in enumerate([pool.submit(one) for one in work], 1):
            stored += done.result()
            if number % _REPORT_EVERY == 0:
                _say(f"{number} of {len(work)} objects are in place.")
    return Counts(stored, len(work) - stored)


def _store(
    key: str, data: bytes, content_type: str, there: Mapping[str, int], storage: Objects
) -> bool:
    """Whether the object had to be stored."""
    if there.get(key) == len(data) and storage.digest(key) == hashlib.sha256(data).hexdigest():
        return False
    storage.put(key, data, content_type)
    return True


def _store_layer(objects: Path, layer: Layer, there: Mapping[str, int], storage: Objects) -> bool:
    data = read_plain_file(objects / layer.key)
    if (len(data), hashlib.sha256(data).hexdigest()) != (layer.size, layer.sha256):
        raise TaskError(f"{layer.key} is not the file that the manifest describes")
    content_type = artifacts.ZIP if layer.key.endswith(".zip") else artifacts.ZSTD
    return _store(layer.key, data, content_type, there, storage)


def _refuse_linked_folders(objects: Path) -> None:
    """The tree's own code wrote there: nothing is read through a link that it left."""
    for folder, folders, _ in os.walk(objects):
        for name in folders:
            if (Path(folder) / name).is_symlink():
                raise TaskError("a folder of the snapshot is a link")


def _read_manifest(objects: Path, commit: str) -> Manifest:
    """The manifest that the snapshot was made with; it may name no object but its own."""
    try:
        document = json.loads(read_plain_file(objects / artifacts.manifest(commit)))
        manifest = from_body(Manifest, document)
        expected = {
            artifacts.core(commit): manifest.core,
            artifacts.source(commit): manifest.source,
            **{
                artifacts.keyboard_folder(commit, name): layer
                for name, layer in manifest.keyboards.items()
            },
        }
    except (BodyError, ValueError) as error:
        raise TaskError(f"the snapshot's manifest cannot be read: {error}") from error
    if manifest.chibios is not None:
        expected[artifacts.chibios(commit)] = manifest.chibios
    if manifest.commit != commit or any(key != layer.key for key, layer in expected.items()):
        raise TaskError("the snapshot's manifest is not of this commit")
    return manifest


def _layers(manifest: Manifest) -> Iterator[Layer]:
    yield manifest.core
    yield from manifest.keyboards.values()
    yield manifest.source
    if manifest.chibios is not None:
        yield manifest.chibios


def _metadata(objects: Path, commit: str) -> Iterator[tuple[str, Path]]:
    """Keys and files of the keyboard metadata; what no key can name is left out, and said."""
    root = (objects / artifacts.keyboard_list(commit)).parent
    for path in sorted(root.rglob("*")):
        if not stat.S_ISREG(path.lstat().st_mode):
            continue
        name = path.relative_to(root).as_posix()
        try:
            yield artifacts.metadata(commit, name), path
        except ValueError:
            _say(f"Left out: {name}, a name that no object may have.")


def _metadata_type(key: str) -> str:
    return _METADATA_TYPES.get(Path(key).suffix, artifacts.TEXT)


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()
