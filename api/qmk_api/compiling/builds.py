"""Builds that are stored: result, log and request, read from S3 and remembered for a while."""

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any

from qmk_api.compiling.states import StoredBuild
from qmk_api.memory import Clock, Memory
from qmk_api.ports import Artifacts
from qmk_api.single_flight import SingleFlight
from qmk_contract import artifacts
from qmk_contract.codec import BodyError, from_body
from qmk_contract.result import BuildResult

LOG_BYTES_MAX = 4 << 20
DOCUMENT_BYTES_MAX = 1 << 20
REMEMBERED_SECONDS = 60
REMEMBERED_BYTES_MAX = 64 << 20
#: What a remembered build takes beside its log, in bytes, roughly.
DOCUMENT_BYTES = 32 * 1024
#: How long a build that is not there is not looked for again: bounds what many pollers cost.
MISSING_SECONDS = 0.1
log = logging.getLogger(__name__)


class Builds:
    """Stored builds by key. Only ends are remembered: a result never changes once it is there."""

    def __init__(self, stored: Artifacts, clock: Clock) -> None:
        self._stored = stored
        self._found: Memory[StoredBuild] = Memory(
            clock,
            entries_max=1024,
            ttl_seconds=REMEMBERED_SECONDS,
            cost_max=REMEMBERED_BYTES_MAX,
        )
        self._missing: Memory[bool] = Memory(clock, entries_max=4096, ttl_seconds=MISSING_SECONDS)
        self._reads: SingleFlight[StoredBuild | None] = SingleFlight()

    def remembered(self, key: str) -> StoredBuild | None:
        return self._found.get(key)

    async def find(self, key: str) -> StoredBuild | None:
        """The build, or None if no result was there a moment ago.

        Raises:
            StorageUnavailable
        """
        if (build := self._found.get(key)) is not None:
            return build
        if self._missing.get(key):
            return None
        return await self._reads.do(key, lambda: self.find_now(key))

    async def find_now(self, key: str) -> StoredBuild | None:
        """The build, or None if no result is there after this call began.

        Raises:
            StorageUnavailable
        """
        content = await self._stored.read(
            artifacts.build(key, artifacts.RESULT), DOCUMENT_BYTES_MAX
        )
        result = _result(key, content)
        if result is None:
            self._missing.put(key, True)
            return None
        text, request = await asyncio.gather(self._log(key, artifacts.LOG), self.request(key))
        build = StoredBuild(result, text or "", request or {})
        self._missing.drop(key)
        self._found.put(key, build, cost=len(build.log) + DOCUMENT_BYTES)
        return build

    async def failed_log(self, key: str) -> str | None:
        """What the build's last run printed that left no result.

        Raises:
            StorageUnavailable
        """
        return await self._log(key, artifacts.FAILED_LOG)

    async def request(self, key: str) -> Mapping[str, Any] | None:
        """The keymap document that the build was asked to compile.

        Raises:
            StorageUnavailable
        """
        content = await self._stored.read(
            artifacts.build(key, artifacts.REQUEST), DOCUMENT_BYTES_MAX
        )
        document = _json(artifacts.REQUEST, key, content)
        return document if isinstance(document, Mapping) else None

    async def _log(self, key: str, name: str) -> str | None:
        content = await self._stored.read(artifacts.build(key, name), LOG_BYTES_MAX)
        return None if content is None else content.decode(errors="replace")


def _result(key: str, content: bytes | None) -> BuildResult | None:
    document = _json(artifacts.RESULT, key, content)
    if document is None:
        return None
    try:
        return from_body(BuildResult, document)
    except BodyError as error:
        log.error("result of build %s is damaged, taken as missing: %s", key, error)
        return None


def _json(name: str, key: str, content: bytes | None) -> Any:
    if content is None:
        return None
    try:
        return json.loads(content)
    except ValueError as error:
        log.error("%s of build %s is damaged: %s", name, key, error)
        return None
