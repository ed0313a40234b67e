"""A snapshot's objects into S3: layers and site, then the two lists of them.

Readers start at the channel and follow it to the manifest and the index, so nothing half-published
is ever seen, and a publication that was broken off is taken up where it ended. What the previous
commit has is copied inside storage: by its lists as they are stored, not as the snapshot says.
What the commit itself has stays as it is, and no file is put over what somebody else wrote
meanwhile; a copy inside storage, which takes no such condition, needs the lease as files do.
"""

import hashlib
import sys
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import Enum, auto
from pathlib import Path
from typing import Any, Protocol

from qmk_contract import artifacts
from qmk_contract.refresh import ObjectCounts
from qmk_contract.snapshot import Manifest
from qmk_tasks.errors import TaskError
from qmk_tasks.metadata.metadata import CONTENTS
from qmk_tasks.publishing import served, snapshot_folder
from qmk_tasks.publishing.served import Lists
from qmk_tasks.publishing.snapshot_folder import Expected
from qmk_tasks.storage import published
from qmk_tasks.storage.lease import Lost
from qmk_tasks.storage.published import encoded
from qmk_tasks.storage.storage import Stored

CONNECTIONS = 16
_REPORT_EVERY = 1000


class Objects(Protocol):
    """What publishing needs of a bucket."""

    def read_json(self, key: str) -> Mapping[str, Any] | None: ...

    def objects(self, prefix: str) -> Mapping[str, Stored]: ...

    def digest(self, key: str) -> str | None: ...

    def put_if(self, key: str, data: bytes, content_type: str, etag: str | None) -> bool: ...

    def copy(self, source: str, key: str) -> bool: ...


class Held(Protocol):
    """What says that nobody else is at the commit."""

    def check(self) -> None: ...

    def require(self) -> None: ...


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
        TaskError: the folder is no snapshot of that commit, storage failed, or a part of the
            previous commit is gone.
        Lost: somebody else took over.
    """
    snapshot_folder.refuse_linked_folders(objects)
    manifest = snapshot_folder.read_manifest(objects, commit)
    index = snapshot_folder.read_index(objects, commit)
    writes = _Writes(storage, storage.objects(artifacts.firmware(commit)), lease)
    manifest_there = published.read(storage, Manifest, artifacts.manifest(commit))
    index_there = published.index(storage, commit)
    lists = Lists(manifest, index)
    if manifest_there is not None:
        lists = served.keep_layers(lists, manifest_there, writes.is_whole)
    if index_there is not None:
        then = manifest_there.contents.get(CONTENTS) if manifest_there is not None else None
        lists = served.keep_files(lists, index_there, then, writes.is_whole)
    before = _before(previous, storage)
    counts = _Transfer(objects, before, writes).run(lists.objects())
    lease.check()
    if lists.index != index_there:
        writes.put(artifacts.site_index(commit), encoded(lists.index), artifacts.JSON)
    if not served.is_same(lists.manifest, manifest_there):
        writes.put(artifacts.manifest(commit), encoded(lists.manifest), artifacts.JSON)
    return replace(counts, kept=counts.kept + len(lists.kept))


@dataclass(frozen=True)
class _Writes:
    """A commit's objects as they were found, and writes that replace these and no others."""

    storage: Objects
    there: Mapping[str, Stored]
    lease: Held

    def is_whole(self, expected: Expected) -> bool:
        """Whether it lies there; where no digest is listed, the size has to do."""
        stored = self.there.get(expected.key)
        if stored is None or stored.size != expected.size:
            return False
        return expected.sha256 is None or self.storage.digest(expected.key) == expected.sha256

    def put(self, key: str, data: bytes, content_type: str) -> None:
        self.lease.require()
        found = self.there.get(key)
        if self.storage.put_if(key, data, content_type, found.etag if found else None):
            return
        # One whose reply was lost is tried again, and then refused for what it did itself.
        if self.storage.digest(key) != hashlib.sha256(data).hexdigest():
            raise Lost(f"another refresh has written {key}")

    def copy(self, source: str, key: str) -> bool:
        self.lease.require()
        return self.storage.copy(source, key)


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
    before: Mapping[tuple[str, str, int], str]
    writes: _Writes

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
        if source is not None and self.writes.copy(source, expected.key):
            return Done.COPIED
        if not (self.folder / expected.key).exists():
            raise _gone(expected.key)
        data = snapshot_folder.read(self.folder, expected)
        self.writes.put(expected.key, data, expected.content_type)
        return Done.STORED

    def _is_there(self, expected: Expected) -> bool:
        if expected.sha256 is None:
            if not (self.folder / expected.key).exists():
                return False
            digest = hashlib.sha256(snapshot_folder.read(self.folder, expected)).hexdigest()
            expected = replace(expected, sha256=digest)
        return self.writes.is_whole(expected)


def _gone(what: str) -> TaskError:
    return TaskError(
        f"{what} was to be taken from the commit before, which is no longer whole in storage; "
        "the next refresh makes it anew"
    )


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()
