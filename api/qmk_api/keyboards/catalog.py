"""What is published: where the channels point, and the keyboards of a commit."""

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from qmk_api.memory import Clock, Memory
from qmk_api.ports import Artifacts, Cache, DamagedMetadata, StorageUnavailable
from qmk_api.single_flight import SingleFlight
from qmk_contract import artifacts
from qmk_contract.codec import from_body
from qmk_contract.documents import DOCUMENT_BYTES_MAX, read_document
from qmk_contract.errors import RequestError
from qmk_contract.keyboards import (
    Keyboard,
    check_keyboard_name,
    keyboard_aliases,
    keyboard_from_info,
    resolve_alias,
)
from qmk_contract.phases import Reason
from qmk_contract.snapshot import Channel

T = TypeVar("T")
#: How old a pointer may be before it is read again.
CHANNEL_SECONDS = 5
#: Published metadata of a commit never changes; the age only bounds memory of old commits.
METADATA_SECONDS = 3600
#: What reading a document of another shape raises.
_DAMAGES = (ValueError, KeyError, TypeError, AttributeError)
log = logging.getLogger(__name__)


class Catalog:
    """Channels and keyboards, from memory, from the shared cache, from S3, in that order."""

    def __init__(self, stored: Artifacts, cache: Cache, clock: Clock) -> None:
        self._stored = stored
        self._cache = cache
        self._channels: Memory[tuple[Channel | None]] = Memory(
            clock, entries_max=64, ttl_seconds=CHANNEL_SECONDS
        )
        # For as long as storage is away, a channel points where it last did.
        self._last: Memory[Channel] = Memory(clock, entries_max=64, ttl_seconds=math.inf)
        # What is not there may be published a moment later, so that is forgotten as soon as a
        # channel's pointer.
        self._absent: Memory[bool] = Memory(clock, entries_max=4096, ttl_seconds=CHANNEL_SECONDS)
        self._aliases: Memory[Mapping[str, Any]] = Memory(
            clock, entries_max=8, ttl_seconds=METADATA_SECONDS
        )
        self._keyboards: Memory[Keyboard] = Memory(
            clock, entries_max=4096, ttl_seconds=METADATA_SECONDS
        )
        self._reads: SingleFlight[Any] = SingleFlight()

    async def channel(self, name: str) -> Channel | None:
        """Where a channel points, or last did; None if there is no such channel.

        Raises:
            StorageUnavailable: and it was never read.
        """
        known = self._channels.get(name)
        if known:
            return known[0]
        try:
            return await self.refresh_channel(name)
        except StorageUnavailable:
            last = self._last.get(name)
            if last is None:
                raise
            self._channels.put(name, (last,))
            return last

    async def refresh_channel(self, name: str) -> Channel | None:
        """Read a channel's pointer from S3, whatever is remembered.

        Raises:
            StorageUnavailable
            DamagedMetadata: there is a pointer, but none that can be read.
        """
        key = artifacts.channel(name)
        content = await self._reads.do(key, lambda: self._stored.read(key, DOCUMENT_BYTES_MAX + 1))
        channel = None if content is None else _parse(key, content, _read_channel)
        self._channels.put(name, (channel,))
        if channel is not None:
            self._last.put(name, channel)
        return channel

    async def keyboard(self, commit: str, name: str) -> Keyboard:
        """A keyboard by its name or by an alias.

        Raises:
            RequestError: the commit has no such keyboard.
            StorageUnavailable
        """
        name = check_keyboard_name(resolve_alias(name, await self.aliases(commit)))
        known = self._keyboards.get(f"{commit} {name}")
        if known is None:
            key = artifacts.keyboard_info(commit, name)
            known = await self._metadata(key, lambda info: keyboard_from_info(name, info))
            if known is None:
                raise RequestError(Reason.UNKNOWN_KEYBOARD, f"unknown keyboard: {name}")
            self._keyboards.put(f"{commit} {name}", known)
        return known

    async def aliases(self, commit: str) -> Mapping[str, Any]:
        """Old keyboard names and what they mean now.

        Raises:
            StorageUnavailable
            DamagedMetadata: the list of them cannot be read.
        """
        aliases = self._aliases.get(commit)
        if aliases is None:
            key = artifacts.keyboard_aliases(commit)
            aliases = await self._metadata(key, keyboard_aliases)
            if aliases is None:
                return {}
            self._aliases.put(commit, aliases)
        return aliases

    async def _metadata(self, key: str, read: Callable[[Any], T]) -> T | None:
        if self._absent.get(key):
            return None

        async def ask() -> T | None:
            cached = await self._cache.get(key)
            if cached is not None:
                try:
                    return read(read_document(cached))
                except _DAMAGES:
                    log.warning("cached copy of %s is damaged, reading it from storage", key)
            content = await self._stored.read(key, DOCUMENT_BYTES_MAX + 1)
            if content is None:
                self._absent.put(key, True)
                return None
            value = _parse(key, content, read)
            await self._cache.set(key, content)
            return value

        result: T | None = await self._reads.do(key, ask)
        return result


def _read_channel(document: Any) -> Channel:
    channel = from_body(Channel, document)
    artifacts.manifest(channel.commit)  # refuses what is no commit
    return channel


def _parse(key: str, content: bytes, read: Callable[[Any], T]) -> T:
    try:
        return read(read_document(content))
    except _DAMAGES as error:
        # The cause is what the log says: who asks again and again does not fill it by that.
        raise DamagedMetadata from ValueError(f"{key}: {error}")
