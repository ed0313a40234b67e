"""The folder that a snapshot left, as it is read where the credentials are.

The tree's own code wrote there. Two lists say what may be stored: the manifest of the layers and
the index of the keyboard site. Neither can name another object than its commit's own, no link is
followed, and every file has to have the size and the digest that its list says. What the index has
beside the site's files is left out. Of a copy by content coding the size alone is known: what it
decodes to is the tree's word, as the file itself. What is the same as in the commit before need not
be in the folder.
"""

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from qmk_contract import artifacts
from qmk_contract.codec import from_body
from qmk_contract.documents import DOCUMENT_BYTES_MAX, read_document
from qmk_contract.site import INDEX_BYTES_MAX, SiteIndex, content_type
from qmk_contract.site import read_index as read_site_index
from qmk_contract.snapshot import Layer, Manifest
from qmk_tasks.errors import TaskError
from qmk_tasks.handover.plain_file import read_plain_file
from qmk_tasks.metadata.metadata import NEEDED

_LEFT_OUT_SHOWN = 50
_TEXT_SHOWN = 300


@dataclass(frozen=True)
class Expected:
    """An object as its list describes it; ``sha256`` is None where none is listed.

    Two objects of the same ``content``, size and type are the same bytes, whatever their commits.
    """

    key: str
    content_type: str
    size: int
    content: str
    sha256: str | None = None

    @property
    def identity(self) -> tuple[str, str, int]:
        """What is the same for the same bytes."""
        return (self.content, self.content_type, self.size)


def read_manifest(objects: Path, commit: str) -> Manifest:
    """The list of layers; it names no object but its own.

    Raises:
        TaskError: it cannot be read, or is not of this commit.
    """
    try:
        content = _read_list(objects / artifacts.manifest(commit))
        manifest = from_body(Manifest, read_document(content, INDEX_BYTES_MAX))
        expected = {
            artifacts.core(commit): manifest.core,
            artifacts.source(commit): manifest.source,
            **{
                artifacts.keyboard_folder(commit, name): folder
                for name, folder in manifest.keyboards.items()
            },
        }
    except ValueError as error:
        raise _unreadable("the snapshot's manifest", error) from error
    if manifest.chibios is not None:
        expected[artifacts.chibios(commit)] = manifest.chibios
    if manifest.generator is None:
        raise TaskError("the snapshot's manifest has no generator")
    expected[artifacts.generator(commit)] = manifest.generator
    if manifest.commit != commit or any(key != one.key for key, one in expected.items()):
        raise TaskError("the snapshot's manifest is not of this commit")
    return manifest


def read_index(objects: Path, commit: str) -> SiteIndex:
    """The list of the keyboard site's files, without what the site cannot have, which is said.

    Raises:
        TaskError: it cannot be read, is not of this commit, or lacks what the service needs.
    """
    content = _read_list(objects / artifacts.site_index(commit))
    try:
        index, left_out = read_site_index(content, commit)
    except ValueError as error:
        raise _unreadable("the site's index", error) from error
    _report(left_out)
    for path, read in NEEDED.items():
        if path not in index.files:
            raise TaskError(f"the site's index has no {path}")
        key = artifacts.site_file(commit, path)
        try:
            read(read_document(read_plain_file(objects / key, DOCUMENT_BYTES_MAX + 1)))
        except ValueError as error:
            raise _unreadable(path, error) from error
    return index


def layer(described: Layer) -> Expected:
    """One layer as a manifest lists it."""
    kind = artifacts.ZIP if described.key.endswith(".zip") else artifacts.ZSTD
    return Expected(described.key, kind, described.size, described.sha256, described.sha256)


def layers(manifest: Manifest) -> Iterator[Expected]:
    """The objects that a manifest lists."""
    yield layer(manifest.core)
    yield from map(layer, manifest.keyboards.values())
    yield layer(manifest.source)
    yield from (layer(one) for one in (manifest.generator, manifest.chibios) if one is not None)


def site_objects(index: SiteIndex) -> Iterator[Expected]:
    """The objects that an index lists: files, and their copies by content coding."""
    for path, file in index.files.items():
        kind = content_type(path)
        key = artifacts.site_file(index.commit, path)
        yield Expected(key, kind, file.size, file.sha256, file.sha256)
        for coding, size in file.encoded.items():
            key = artifacts.site_file(index.commit, path, coding)
            yield Expected(key, kind, size, f"{coding} of {file.sha256}")


def read(objects: Path, expected: Expected) -> bytes:
    """One object's content.

    Raises:
        TaskError: it cannot be read, or is not what its list describes.
    """
    data = read_plain_file(objects / expected.key, max(expected.size, 0) + 1)
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


def _read_list(path: Path) -> bytes:
    return read_plain_file(path, INDEX_BYTES_MAX + 1)


def _unreadable(what: str, error: ValueError) -> TaskError:
    # The text may hold names out of the tree.
    return TaskError(f"{what} cannot be read: {str(error)[:_TEXT_SHOWN]!r}")


def _report(left_out: Mapping[str, str]) -> None:
    for path, why in list(left_out.items())[:_LEFT_OUT_SHOWN]:
        sys.stdout.write(f"Left out: {path[:_TEXT_SHOWN]!r}, {why}.\n")
    if (more := len(left_out) - _LEFT_OUT_SHOWN) > 0:
        sys.stdout.write(f"Left out: {more} more.\n")
