"""A folder as the snapshot task leaves it, and a bucket in memory to publish it to."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qmk_contract import artifacts
from qmk_contract.codec import to_body
from qmk_contract.site import SiteFile, SiteIndex
from qmk_contract.snapshot import Layer, Manifest
from qmk_tasks.errors import TaskError

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
#: Four layers, the site's files, and two copies of one of them.
COUNT = 4 + len(SITE) + len(COPIES)


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
