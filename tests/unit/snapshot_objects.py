"""A folder as the snapshot task leaves it, and a bucket in memory to publish it to."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qmk_contract import artifacts
from qmk_contract.codec import to_body
from qmk_contract.site import SiteFile, SiteIndex
from qmk_contract.snapshot import Layer, Manifest
from qmk_tasks.errors import TaskError
from qmk_tasks.storage.storage import Stored, Version

COMMIT = "a" * 40
POINTER = artifacts.channel("master")
INDEX = artifacts.site_index(COMMIT)
MANIFEST = artifacts.manifest(COMMIT)
SITE = {
    "readme.md": b"# Keyboards",
    "v1/keyboard_list.json": b'{"keyboards": ["demo/pad"]}',
    "v1/keyboard_aliases.json": b'{"keyboard_aliases": {}}',
    "v1/keyboards.json": b'{"keyboards": {}}',
    "v1/keyboards/demo/pad/info.json": b"{ }",
    "v1/keyboards/demo/pad/readme.md": b"# Pad",
    "v1/schemas/keymap.jsonschema": b"{}",
    "v1/templates/keymap.c": b"// keymap",
}
COPIES = {"gzip": b"gz", "zstd": b"zst"}
#: Five layers, the site's files, and two copies of one of them.
COUNT = 5 + len(SITE) + len(COPIES)


class Bucket:
    """Objects in memory, in the order in which they came; fails at one key if told to.

    ``now`` is the time by its own clock, which a test sets.
    """

    def __init__(self) -> None:
        self.stored: dict[str, tuple[bytes, str]] = {}
        self.modified: dict[str, datetime] = {}
        self.order: list[str] = []
        self.copied: dict[str, str] = {}
        self.fails_at: str | None = None
        self.now = datetime(2026, 11, 24, 12, tzinfo=UTC)

    def read(self, key: str, bytes_max: int) -> bytes | None:
        return self.stored[key][0][:bytes_max] if key in self.stored else None

    def read_json(self, key: str) -> Mapping[str, Any] | None:
        return json.loads(self.stored[key][0]) if key in self.stored else None

    def read_version(self, key: str) -> Version | None:
        if key not in self.stored:
            return None
        age = (self.now - self.modified[key]).total_seconds()
        return Version(self.read_json(key), self._etag(key), age)

    def time(self) -> datetime:
        return self.now

    def objects(self, prefix: str) -> dict[str, Stored]:
        return {
            key: Stored(len(data), self.modified[key], self._etag(key))
            for key, (data, _) in self.stored.items()
            if key.startswith(prefix)
        }

    def folders(self, prefix: str) -> list[str]:
        below = (key.removeprefix(prefix) for key in self.stored if key.startswith(prefix))
        return sorted({f"{prefix}{rest.split('/')[0]}/" for rest in below if "/" in rest})

    def digest(self, key: str) -> str | None:
        return hashlib.sha256(self.stored[key][0]).hexdigest()

    def put(self, key: str, data: bytes, content_type: str) -> None:
        if key == self.fails_at:
            raise TaskError("no space")
        self.stored[key] = (data, content_type)
        self.modified[key] = self.now
        self.order.append(key)

    def put_if(self, key: str, data: bytes, content_type: str, etag: str | None) -> bool:
        if etag != (self._etag(key) if key in self.stored else None):
            return False
        self.put(key, data, content_type)
        return True

    def copy(self, source: str, key: str) -> bool:
        if source not in self.stored:
            return False
        self.put(key, *self.stored[source])
        self.copied[key] = source
        return True

    def delete(self, keys: Iterable[str]) -> None:
        for key in list(keys):
            self.stored.pop(key, None)

    def _etag(self, key: str) -> str:
        return hashlib.md5(self.stored[key][0]).hexdigest()


class Held:
    """A lease that nobody takes over."""

    def check(self) -> None:
        return None

    def require(self) -> None:
        return None


def write_snapshot(folder: Path) -> None:
    """All objects of a small tree, and both lists of them."""

    def layer(key: str) -> Layer:
        data = f"bytes of {key}".encode()
        write(folder, key, data)
        return Layer(key, len(data), hashlib.sha256(data).hexdigest())

    manifest = Manifest(
        commit=COMMIT,
        created=datetime(2026, 1, 1, tzinfo=UTC),
        core=layer(artifacts.core(COMMIT)),
        source=layer(artifacts.source(COMMIT)),
        keyboards={"demo": layer(artifacts.keyboard_folder(COMMIT, "demo"))},
        chibios=layer(artifacts.chibios(COMMIT)),
        generator=layer(artifacts.generator(COMMIT)),
    )
    write(folder, MANIFEST, json.dumps(to_body(manifest)).encode())
    for path, data in SITE.items():
        write(folder, artifacts.site_file(COMMIT, path), data)
    for coding, data in COPIES.items():
        write(folder, artifacts.site_file(COMMIT, "v1/keyboards.json", coding), data)
    write_index(folder, index_of(SITE))


def index_of(files: Mapping[str, bytes]) -> SiteIndex:
    described = {
        path: SiteFile(len(data), hashlib.sha256(data).hexdigest()) for path, data in files.items()
    }
    sizes = {coding: len(data) for coding, data in COPIES.items()}
    described["v1/keyboards.json"] = replace(described["v1/keyboards.json"], encoded=sizes)
    return SiteIndex(COMMIT, described)


def write_index(folder: Path, index: SiteIndex) -> None:
    write(folder, INDEX, json.dumps(to_body(index)).encode())


def write(folder: Path, key: str, data: bytes) -> None:
    (folder / key).parent.mkdir(parents=True, exist_ok=True)
    (folder / key).write_bytes(data)
