"""A snapshot's objects into S3: layers and site, then the two lists of them.

Readers start at the channel and follow it to the manifest and the index, so nothing half-published
is ever seen, and a publication that was broken off is taken up where it ended. What the previous
commit has is copied inside storage: by its lists as they are stored, not as the snapshot says.
"""

import hashlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any, Protocol

from qmk_contract import artifacts
from qmk_contract.refresh import ObjectCounts
from qmk_tasks.errors import TaskError
from qmk_tasks.publishing import snapshot_folder
from qmk_tasks.publishing.snapshot_folder import Expected
from qmk_tasks.storage import published
from qmk_tasks.storage.storage import Stored

CONNECTIONS = 16
_REPORT_EVERY = 1000


class Objects(Protocol):
    """What publishing needs of a bucket."""

    def read_json(self, key: str) -> Mapping[str, Any] | None: ...

    def objects(self, prefix: str) -> Mapping[str, Stored]: ...

    def digest(self, key: str) -> str | None: ...

    def put(self, key: str, data: bytes, content_type: str) -> None: ...

    def copy(self, source: str, key: str) -> bool: ...


class Held(Protocol):
    """What says that nobody else is at the commit."""

    def check(self) -> None: ...


class Done(Enum):
    """What became of an object."""

    STORED = auto()
    COPIED = auto()
    KEPT = auto()


def publish(
    objects: Path, commit: str, previous: str | None, storage: Objects, lease: Held
) -> ObjectCounts:
    """Publish the snapshot of one commit from a folder, with parts of the previous commit.

    Raises:
        TaskError: the folder is no snapshot of that commit, storage failed, a part of the
            previous commit is gone, or somebody else took over.
    """
    snapshot_folder.refuse_linked_folders(objects)
    manifest = snapshot_folder.read_manifest(objects, commit)
    index = snapshot_folder.read_index(objects, commit)
    listed = [*snapshot_folder.layers(manifest), *snapshot_folder.site_objects(index)]
    there = storage.objects(artifacts.firmware(commit))
    before = _before(previous, storage)
    counts = _Transfer(objects, there, before, storage).run(listed)
    lease.check()
    published.write(storage, artifacts.site_index(commit), index)
    published.write(storage, artifacts.manifest(commit), manifest)
    return counts


def _before(previous: str | None, storage: Objects) -> dict[tuple[str, str, int], str]:
    """Keys of the previous commit's objects by what they are."""
    if previous is None:
        return {}
    manifest, index = published.manifest(storage, previous), published.index(storage, previous)
    if manifest is None or index is None:
        raise _gone(previous)
    listed: Iterable[Expected] = (
        *snapshot_folder.layers(manifest),
        *snapshot_folder.site_objects(index),
    )
    there = storage.objects(artifacts.firmware(previous))
    return {
        expected.identity: expected.key
        for expected in listed
        if expected.key in there and there[expected.key].size == expected.size
    }


@dataclass(frozen=True)
class _Transfer:
    """Objects on their way from a folder, or from the previous commit, to their own keys."""

    folder: Path
    there: Mapping[str, Stored]
    before: Mapping[tuple[str, str, int], str]
    storage: Objects

    def run(self, listed: Sequence[Expected]) -> ObjectCounts:
        done = dict.fromkeys(Done, 0)
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            try:
                for number, kind in enumerate(pool.map(self._place, listed), 1):
                    done[kind] += 1
                    if number % _REPORT_EVERY == 0:
                        _say(f"{number:,} of {len(listed):,} objects are in place.")
            except TaskError:
                pool.shutdown(cancel_futures=True)
                raise
        return ObjectCounts(done[Done.STORED], done[Done.COPIED], done[Done.KEPT])

    def _place(self, expected: Expected) -> Done:
        if self._is_there(expected):
            return Done.KEPT
        source = self.before.get(expected.identity)
        if source is not None and self.storage.copy(source, expected.key):
            return Done.COPIED
        if not (self.folder / expected.key).exists():
            raise _gone(expected.key)
        data = snapshot_folder.read(self.folder, expected)
        self.storage.put(expected.key, data, expected.content_type)
        return Done.STORED

    def _is_there(self, expected: Expected) -> bool:
        stored = self.there.get(expected.key)
        if stored is None or stored.size != expected.size:
            return False
        digest = expected.sha256
        if digest is None and (self.folder / expected.key).exists():
            digest = hashlib.sha256(snapshot_folder.read(self.folder, expected)).hexdigest()
        return digest is not None and self.storage.digest(expected.key) == digest


def _gone(what: str) -> TaskError:
    return TaskError(
        f"{what} was to be taken from the commit before, which is no longer whole in storage; "
        "the next refresh makes it anew"
    )


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()
