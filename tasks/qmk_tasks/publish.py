"""A snapshot's objects into S3: layers and site, then index, manifest and channel, in that order.

Readers start at the channel and follow it to the manifest and the index, so nothing half-published
is ever seen, and a publication that was broken off is taken up where it ended.
"""

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from qmk_contract import artifacts
from qmk_contract.codec import to_body
from qmk_contract.snapshot import Channel
from qmk_tasks import snapshot_folder
from qmk_tasks.snapshot_folder import Expected

CONNECTIONS = 16
_REPORT_EVERY = 1000


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

    A commit that is published stays as it is; only the channel moves. One without an index of its
    site is not published yet: that is how versions before the site was served left it.

    Raises:
        TaskError: the folder is no snapshot of that commit, or storage failed.
    """
    pointer = artifacts.channel(channel)
    snapshot_folder.refuse_linked_folders(objects)
    manifest = snapshot_folder.read_manifest(objects, commit)
    index = snapshot_folder.read_index(objects, commit)
    lists = {artifacts.site_index(commit): index, artifacts.manifest(commit): manifest}
    counts = Counts(0, 0)
    if any(storage.read_json(key) is None for key in lists):
        listed = [*snapshot_folder.layers(manifest), *snapshot_folder.site_objects(index)]
        counts = _store_all(objects, listed, storage.sizes(artifacts.firmware(commit)), storage)
        for key, document in lists.items():
            _put_json(storage, key, document)
    if (storage.read_json(pointer) or {}).get("commit") != commit:
        _put_json(storage, pointer, Channel(channel, commit, datetime.now(UTC)))
    return counts


def _store_all(
    objects: Path, listed: Sequence[Expected], there: Mapping[str, int], storage: Objects
) -> Counts:
    stored = 0
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        done = pool.map(partial(_store, objects, there, storage), listed)
        for number, was_stored in enumerate(done, 1):
            stored += was_stored
            if number % _REPORT_EVERY == 0:
                _say(f"{number} of {len(listed)} objects are in place.")
    return Counts(stored, len(listed) - stored)


def _store(objects: Path, there: Mapping[str, int], storage: Objects, expected: Expected) -> bool:
    """Whether the object had to be stored."""
    key, data = expected.key, snapshot_folder.read(objects, expected)
    if there.get(key) == len(data) and storage.digest(key) == hashlib.sha256(data).hexdigest():
        return False
    storage.put(key, data, expected.content_type)
    return True


def _put_json(storage: Objects, key: str, document: Any) -> None:
    body = json.dumps(to_body(document), separators=(",", ":")).encode()
    storage.put(key, body, artifacts.JSON)


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()
