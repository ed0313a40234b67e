"""What storage has of published firmware: pointers, lists, and whether a commit is whole."""

import json
from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from qmk_contract import artifacts
from qmk_contract.codec import from_body, to_body
from qmk_contract.site import SiteIndex
from qmk_contract.snapshot import Channel, Manifest
from qmk_tasks.storage.storage import Stored

T = TypeVar("T")


class Documents(Protocol):
    """What reading needs of a bucket."""

    def read_json(self, key: str) -> Mapping[str, Any] | None: ...

    def objects(self, prefix: str) -> Mapping[str, Stored]: ...


class Sink(Protocol):
    """What writing documents needs of a bucket."""

    def put(self, key: str, data: bytes, content_type: str) -> None: ...


def pointer(storage: Documents, channel: str) -> Channel | None:
    """Where a channel points; None where it is new, or its pointer cannot be read."""
    return read(storage, Channel, artifacts.channel(channel))


def channels(storage: Documents) -> dict[str, Channel]:
    """All pointers in storage by channel, whether or not this release still has them."""
    found = {}
    for key in storage.objects(artifacts.CHANNELS):
        name = artifacts.channel_of_pointer(key)
        if name is not None and (there := pointer(storage, name)) is not None:
            found[name] = there
    return found


def manifest(storage: Documents, commit: str) -> Manifest | None:
    """The layers of a commit, if it is whole.

    One without a generator was published by a version that knew none, and is not whole.
    """
    found = read(storage, Manifest, artifacts.manifest(commit))
    return found if found is not None and found.generator is not None else None


def is_published(storage: Documents, commit: str) -> bool:
    """Whether a channel may point at a commit."""
    index = artifacts.site_index(commit)
    return manifest(storage, commit) is not None and index in storage.objects(index)


def index(storage: Documents, commit: str) -> SiteIndex | None:
    """The keyboard site of a commit."""
    return read(storage, SiteIndex, artifacts.site_index(commit))


def read(storage: Documents, kind: type[T], key: str) -> T | None:
    """A document; None where there is none that can be read."""
    body = storage.read_json(key)
    try:
        return None if body is None else from_body(kind, body)
    except ValueError:
        return None


def encoded(document: object) -> bytes:
    """A document as it is stored."""
    return json.dumps(to_body(document), separators=(",", ":")).encode()


def write(storage: Sink, key: str, document: object) -> None:
    """Store a document."""
    storage.put(key, encoded(document), artifacts.JSON)
