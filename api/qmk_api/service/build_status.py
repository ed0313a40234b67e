"""How the tests of all keyboards' builds ended: followed in S3, held in memory."""

import asyncio
import contextlib
import hashlib
import json
import logging
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

from qmk_api.background import Background
from qmk_api.ports import Artifacts, StorageUnavailable
from qmk_api.single_flight import SingleFlight
from qmk_contract import artifacts
from qmk_contract.codec import to_body
from qmk_contract.keyboard_status import read_status

INTERVAL_SECONDS = 30.0
STATUS_BYTES_MAX = 1 << 20
#: Objects read at the same time, of the threads that all requests share.
READS_MAX = 8
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """One keyboard's status. ``document`` is all of it as JSON, compressed with zlib.

    ``size`` is the document's in bytes; ``etag`` names the object that it was read from.
    """

    etag: str
    works: bool
    warnings: bool
    last_tested: int
    document: bytes
    size: int


@dataclass(frozen=True)
class Statuses:
    """All keyboards' statuses at one moment, in the order of their names."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    summary: bytes = b"{}"
    works: bytes = b"{}"
    tag: str = ""


class BuildStatus:
    """Reads what changed in S3, and keeps what it has while S3 is away."""

    def __init__(self, stored: Artifacts) -> None:
        self._stored = stored
        self._statuses: Statuses | None = None
        self._refused: dict[str, str] = {}
        self._refreshes: SingleFlight[Statuses] = SingleFlight()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow for as long as the context lasts."""
        async with Background() as background:
            background.start(self._run())
            yield

    async def get(self) -> Statuses:
        """What was there a moment ago.

        Raises:
            StorageUnavailable: nothing was ever read.
        """
        return self._statuses or await self.refresh()

    async def refresh(self) -> Statuses:
        """Read what changed since the last time. What cannot be read now stays as it was.

        Raises:
            StorageUnavailable: there is no telling what changed.
        """
        return await self._refreshes.do("", self._refresh)

    async def _refresh(self) -> Statuses:
        listed = await self._stored.list(artifacts.STATUSES)
        etags = {
            keyboard: etag
            for key, etag in sorted(listed.items())
            if (keyboard := artifacts.keyboard_of_status(key)) is not None
        }
        old = self._statuses.entries if self._statuses else {}
        kept = {
            keyboard: old[keyboard]
            for keyboard, etag in etags.items()
            if keyboard in old and old[keyboard].etag == etag
        }
        changed = {
            keyboard: etag
            for keyboard, etag in etags.items()
            if keyboard not in kept and self._refused.get(keyboard) != etag
        }
        found = kept | await self._read(changed, old)
        entries = {keyboard: found[keyboard] for keyboard in etags if keyboard in found}
        if self._statuses is None or entries != old:
            self._statuses = await asyncio.to_thread(_rendered, entries)
        return self._statuses

    async def _read(self, etags: Mapping[str, str], old: Mapping[str, Entry]) -> dict[str, Entry]:
        """What is stored, by keyboard; what cannot be read is as it was."""
        reads = asyncio.Semaphore(READS_MAX)
        away = False

        async def read(keyboard: str, etag: str) -> Entry | None:
            nonlocal away
            key = artifacts.keyboard_status(keyboard)
            async with reads:
                if away:
                    return old.get(keyboard)
                try:
                    content = await self._stored.read(key, STATUS_BYTES_MAX)
                except StorageUnavailable as error:
                    log.warning("%s cannot be read now: %s", key, error)
                    away = True
                    return old.get(keyboard)
                if content is None:
                    return None
                return await asyncio.to_thread(self._entry, keyboard, etag, content)

        found = await asyncio.gather(*(read(*item) for item in etags.items()))
        return {
            keyboard: entry
            for keyboard, entry in zip(etags, found, strict=True)
            if entry is not None
        }

    def _entry(self, keyboard: str, etag: str, content: bytes) -> Entry | None:
        try:
            status = read_status(content)
        except ValueError as error:
            log.error("%s is damaged: %s", artifacts.keyboard_status(keyboard), error)
            self._refused[keyboard] = etag
            return None
        document = json.dumps(to_body(status)).encode()
        return Entry(
            etag,
            status.works,
            status.warnings,
            status.last_tested,
            zlib.compress(document),
            len(document),
        )

    async def _run(self) -> None:
        while True:
            try:
                await self.refresh()
            except StorageUnavailable as error:
                log.warning("keyboards' build statuses cannot be read: %s", error)
            except Exception:
                log.exception("reading keyboards' build statuses failed")
            await asyncio.sleep(INTERVAL_SECONDS)


def _rendered(entries: Mapping[str, Entry]) -> Statuses:
    summary = {
        keyboard: {
            "works": entry.works,
            "warnings": entry.warnings,
            "last_tested": entry.last_tested,
        }
        for keyboard, entry in entries.items()
    }
    works = {keyboard: entry.works for keyboard, entry in entries.items()}
    names = "\n".join(f"{keyboard} {entry.etag}" for keyboard, entry in entries.items())
    return Statuses(
        entries,
        json.dumps(summary).encode(),
        json.dumps(works).encode(),
        hashlib.sha256(names.encode()).hexdigest(),
    )


class BuildLogs:
    """All statuses with their messages as one JSON object, made while it is sent."""

    def __init__(self, entries: Mapping[str, Entry]) -> None:
        self._entries = entries
        names = sum(len(keyboard) + len('"": ') for keyboard in entries)
        commas = max(0, len(entries) - 1) * len(", ")
        self.size = names + commas + sum(entry.size for entry in entries.values()) + len("{}")

    async def chunks(self) -> AsyncIterator[bytes]:
        separator = b"{"
        for keyboard, entry in self._entries.items():
            yield separator + f'"{keyboard}": '.encode() + zlib.decompress(entry.document)
            separator = b", "
        yield b"}" if self._entries else b"{}"

    def close(self) -> None:
        return None
