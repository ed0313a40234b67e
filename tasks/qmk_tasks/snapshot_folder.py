"""The folder that a snapshot left, as it is read where the credentials are.

The tree's own code wrote there. Two lists say what may be stored: the manifest of the layers and
the index of the keyboard site. Neither can name another object than its commit's own, no link is
followed, and every file has to have the size and the digest that its list says. Of a copy by
content coding the size alone is known: what it decodes to is the tree's word, as the file itself.
"""

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qmk_contract import artifacts
from qmk_contract.codec import BodyError, from_body
from qmk_contract.site import SiteIndex, bounded_faults, content_type
from qmk_contract.snapshot import Layer, Manifest
from qmk_tasks.errors import TaskError
from qmk_tasks.metadata import NEEDED
from qmk_tasks.storage import read_plain_file


@dataclass(frozen=True)
class Expected:
    """An object as its list describes it; ``sha256`` is None where none is listed."""

    key: str
    content_type: str
    size: int
    sha256: str | None = None


def read_manifest(objects: Path, commit: str) -> Manifest:
    """The list of layers; it names no object but its own.

    Raises:
        TaskError: it cannot be read, or is not of this commit.
    """
    try:
        manifest = from_body(Manifest, _read_json(objects / artifacts.manifest(commit)))
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


def read_index(objects: Path, commit: str) -> SiteIndex:
    """The list of the keyboard site's files; each has a path that a key may have.

    Raises:
        TaskError: it cannot be read, is not of this commit, or lacks what the service needs.
    """
    try:
        index = from_body(SiteIndex, _read_json(objects / artifacts.site_index(commit)))
        for path, file in index.files.items():
            for coding in (None, *file.encoded):
                artifacts.site_file(commit, path, coding)
    except (BodyError, ValueError) as error:
        raise TaskError(f"the site's index cannot be read: {error}") from error
    if index.commit != commit:
        raise TaskError("the site's index is not of this commit")
    for path in NEEDED:
        if path not in index.files:
            raise TaskError(f"the site's index has no {path}")
    return replace(index, faults=bounded_faults(index.faults, index.files))


def layers(manifest: Manifest) -> Iterator[Expected]:
    """The objects that a manifest lists."""
    yield _layer(manifest.core)
    yield from map(_layer, manifest.keyboards.values())
    yield _layer(manifest.source)
    if manifest.chibios is not None:
        yield _layer(manifest.chibios)


def site_objects(index: SiteIndex) -> Iterator[Expected]:
    """The objects that an index lists: files, and their copies by content coding."""
    for path, file in index.files.items():
        kind = content_type(path)
        yield Expected(artifacts.site_file(index.commit, path), kind, file.size, file.sha256)
        for coding, size in file.encoded.items():
            yield Expected(artifacts.site_file(index.commit, path, coding), kind, size)


def read(objects: Path, expected: Expected) -> bytes:
    """One object's content.

    Raises:
        TaskError: it cannot be read, or is not what its list describes.
    """
    data = read_plain_file(objects / expected.key)
    digest = hashlib.sha256(data).hexdigest()
    if len(data) != expected.size or expected.sha256 not in (None, digest):
        raise TaskError(f"{expected.key} is not the file that the snapshot lists")
    return data


def refuse_linked_folders(objects: Path) -> None:
    """Nothing is read through a link.

    Raises:
        TaskError: one of the folders is a link.
    """
    for folder, folders, _ in os.walk(objects):
        for name in folders:
            if (Path(folder) / name).is_symlink():
                raise TaskError("a folder of the snapshot is a link")


def _read_json(path: Path) -> Any:
    return json.loads(read_plain_file(path))


def _layer(layer: Layer) -> Expected:
    kind = artifacts.ZIP if layer.key.endswith(".zip") else artifacts.ZSTD
    return Expected(layer.key, kind, layer.size, layer.sha256)
