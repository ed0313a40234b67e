"""What is published of firmware: channels, manifests, keyboards. Commits are cached for good."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from qmk_contract import artifacts
from qmk_contract.codec import from_body
from qmk_contract.keyboards import Keyboard, keyboard_from_info
from qmk_contract.snapshot import Channel, Manifest
from qmk_operator.cache import Cache
from qmk_operator.storage import StorageUnavailableError

T = TypeVar("T")

_COMMITS_CACHED = 8
_KEYBOARDS_CACHED = 512


class Documents(Protocol):
    """Where published JSON objects are read; None stands for what is not there."""

    async def read_json(self, object_key: str) -> Mapping[str, Any] | None: ...


class PublishedFirmware:
    """Published firmware trees, by commit. What a commit publishes never changes.

    All methods raise StorageUnavailableError; None stands for what is not published.
    """

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._manifests: Cache[Manifest] = Cache(_COMMITS_CACHED)
        self._aliases: Cache[Mapping[str, Any]] = Cache(_COMMITS_CACHED)
        self._keyboards: Cache[Keyboard] = Cache(_KEYBOARDS_CACHED)

    async def channel_commit(self, channel: str) -> str | None:
        """The commit that a channel points at now."""
        found = await self._read(artifacts.channel(channel), lambda body: from_body(Channel, body))
        return None if found is None else found.commit

    async def manifest(self, commit: str) -> Manifest | None:
        """The archives of a commit."""
        if (known := self._manifests.find(commit)) is not None:
            return known
        key = artifacts.manifest(commit)
        return self._manifests.keep(
            commit, await self._read(key, lambda body: from_body(Manifest, body))
        )

    async def aliases(self, commit: str) -> Mapping[str, Any]:
        """Old names of keyboards, as keyboard_aliases.json has them."""
        if (known := self._aliases.find(commit)) is not None:
            return known
        key = artifacts.keyboard_aliases(commit)
        found = self._aliases.keep(commit, await self._read(key, _aliases))
        return {} if found is None else found

    async def keyboard(self, commit: str, name: str) -> Keyboard | None:
        """One keyboard by its current name."""
        if (known := self._keyboards.find(f"{commit} {name}")) is not None:
            return known
        key = artifacts.keyboard_info(commit, name)
        return self._keyboards.keep(
            f"{commit} {name}", await self._read(key, lambda body: keyboard_from_info(name, body))
        )

    async def _read(self, object_key: str, parse: Callable[[Mapping[str, Any]], T]) -> T | None:
        document = await self._documents.read_json(object_key)
        try:
            return None if document is None else parse(document)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StorageUnavailableError(f"{object_key} is unreadable: {error}") from error


def _aliases(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return dict(body["keyboard_aliases"])
