"""Channel pointers: moved in one write, and never back to what a source said longer ago."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from qmk_contract import artifacts
from qmk_contract.codec import from_body
from qmk_contract.snapshot import Channel
from qmk_tasks.errors import TaskError
from qmk_tasks.storage.published import encoded
from qmk_tasks.storage.storage import Version

_ATTEMPTS = 10


class Versions(Protocol):
    """What moving a pointer needs of a bucket."""

    def read_version(self, key: str) -> Version | None: ...

    def put_if(self, key: str, data: bytes, content_type: str, etag: str | None) -> bool: ...

    def time(self) -> datetime: ...


def move(storage: Versions, channel: str, commit: str, resolved: datetime) -> Channel:
    """Let a channel point at a commit; returns where it points then.

    ``resolved`` is when its source was asked, by storage's clock. The channel stays at another
    commit where a refresh that asked the source later was faster.

    Raises:
        TaskError: storage failed, or others kept moving the pointer.
    """
    key = artifacts.channel(channel)
    for _ in range(_ATTEMPTS):
        version = storage.read_version(key)
        there = _read(version, storage.time())
        wanted = _wanted(there, channel, commit, resolved)
        if wanted == there:
            return wanted
        etag = version.etag if version is not None else None
        if storage.put_if(key, encoded(wanted), artifacts.JSON, etag):
            return wanted
    raise TaskError(f"the pointer of channel {channel} could not be moved: others move it, too")


def _wanted(there: Channel | None, channel: str, commit: str, resolved: datetime) -> Channel:
    if there is not None and there.resolved is not None and there.resolved >= resolved:
        return there
    if there is not None and there.commit == commit:
        return replace(there, resolved=resolved)
    return Channel(channel, commit, datetime.now(UTC), resolved)


def _read(version: Version | None, now: datetime) -> Channel | None:
    """A time to come is a wrong clock's: it orders nothing, or no refresh could pass it."""
    try:
        there = None if version is None else from_body(Channel, version.document)
    except ValueError:
        return None
    if there is not None and there.resolved is not None and there.resolved > now:
        return replace(there, resolved=None)
    return there
