"""Records of keyboards that trusted builds left: which there are, read from their pointers."""

import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from qmk_contract import artifacts
from qmk_contract.codec import from_body
from qmk_contract.keymap import Keymap
from qmk_contract.record_job import record_job_name
from qmk_contract.record_pointer import RECORD_BYTES_MAX, SCHEMA, RecordPointer
from qmk_contract.snapshot import Layer
from qmk_operator.cache import Cache

logger = logging.getLogger(__name__)

#: A pointer has about 300 bytes.
_POINTER_BYTES_MAX = 4096
_CACHED_MAX = 4096
#: A record that is made meanwhile is used this much later at most.
_ABSENT_SECONDS = 5.0


@dataclass(frozen=True)
class RecordIdentity:
    """Which record serves a build: that of this digest and keyboard.

    ``generator`` is the layer that a build needs beside it; only the build of ``plain`` may
    leave one.
    """

    digest: str
    keyboard: str
    generator: Layer
    plain: Keymap

    @property
    def object_key(self) -> str:
        return artifacts.keyboard_record(self.digest, self.keyboard)

    @property
    def pointer_key(self) -> str:
        return artifacts.record_pointer(self.digest, self.keyboard)


class Fault(StrEnum):
    """What is wrong with a pointer."""

    UNREADABLE = "unreadable"
    #: It speaks of another record.
    FOREIGN = "foreign"
    SIZE = "size"


class Rejections(Protocol):
    """Counts pointers that are of no use."""

    def pointer_rejected(self, fault: str) -> None: ...


class Objects(Protocol):
    """Where pointers are read; None stands for what is not there."""

    async def read(self, object_key: str, size_max: int) -> bytes | None: ...


def judge(data: bytes, identity: RecordIdentity) -> RecordPointer | Fault:
    """The pointer to the record of that identity, or why it is none."""
    try:
        pointer = from_body(RecordPointer, json.loads(data))
    except (ValueError, RecursionError):
        return Fault.UNREADABLE
    if not re.fullmatch(artifacts.DIGEST_PATTERN, pointer.sha256):
        return Fault.UNREADABLE
    named = (pointer.schema, pointer.digest, pointer.keyboard)
    if named != (SCHEMA, identity.digest, identity.keyboard):
        return Fault.FOREIGN
    return pointer if 0 < pointer.size <= RECORD_BYTES_MAX else Fault.SIZE


class Records:
    """Looks up records. A pointer that was good is remembered, that there is none for a moment.

    A refusal outlasts the operator as the CompileJob that is to replace the record: ``exists``
    says whether there is one of a name. ``clock`` counts seconds from any start.
    """

    def __init__(
        self,
        objects: Objects,
        exists: Callable[[str], bool],
        rejections: Rejections,
        clock: Callable[[], float],
    ) -> None:
        self._objects = objects
        self._exists = exists
        self._rejections = rejections
        self._clock = clock
        self._found: Cache[RecordPointer] = Cache(_CACHED_MAX)
        self._absent_until: Cache[float] = Cache(_CACHED_MAX)
        self._refused: Cache[RecordPointer] = Cache(_CACHED_MAX)

    async def find(self, identity: RecordIdentity) -> RecordPointer | None:
        """The pointer to a record that may be used; None if there is none.

        Raises:
            StorageUnavailableError: nobody can tell now.
        """
        key = identity.pointer_key
        if (found := self._found.find(key)) is not None:
            return found
        if self._clock() < (self._absent_until.find(key) or 0.0):
            return None
        pointer = await self._read(identity)
        if pointer is not None and self._exists(_replacement(identity, pointer)):
            self._refused.keep(key, pointer)
        if pointer is None or pointer == self._refused.find(key):
            self._absent_until.keep(key, self._clock() + _ABSENT_SECONDS)
            return None
        return self._found.keep(key, pointer)

    async def refuse(self, identity: RecordIdentity, used: datetime) -> bool:
        """Give to nobody any more what a build that started at ``used`` could not take.

        Without it there is no record, and a trusted build may leave another one. Says whether
        it is so: by now there may be a newer one.

        Raises:
            StorageUnavailableError: nobody can tell now.
        """
        key = identity.pointer_key
        pointer = await self._read(identity)
        if pointer is None or pointer.created >= used:
            return False
        logger.warning("The record %s cannot be used", identity.object_key)
        self._found.forget(key)
        self._refused.keep(key, pointer)
        return True

    def forget(self, identity: RecordIdentity) -> None:
        """Look for a record anew: a build found none, whatever was known of it here.

        Records are also removed with the last commit that they serve.
        """
        self._found.forget(identity.pointer_key)

    def replacement(self, identity: RecordIdentity) -> str:
        """The name of the CompileJob that leaves this record anew, or for the first time."""
        return _replacement(identity, self._refused.find(identity.pointer_key))

    async def _read(self, identity: RecordIdentity) -> RecordPointer | None:
        data = await self._objects.read(identity.pointer_key, _POINTER_BYTES_MAX)
        judged = None if data is None else judge(data, identity)
        if isinstance(judged, Fault):
            logger.warning("The pointer %s is ignored: %s", identity.pointer_key, judged)
            self._rejections.pointer_rejected(judged)
            return None
        return judged


def _replacement(identity: RecordIdentity, refused: RecordPointer | None) -> str:
    return record_job_name(identity.digest, identity.keyboard, refused)
