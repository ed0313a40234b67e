"""One publication or removal of a commit at a time, whoever runs, wherever.

An object in storage says who is at it. It is written under conditions, so that of two only one
succeeds, and again and again while its holder lives; one that has not been written for a while
was left by a holder that died. Its age is told by S3's own clock.
"""

import secrets
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Protocol

from qmk_contract import artifacts
from qmk_contract.codec import from_body
from qmk_tasks.errors import TaskError
from qmk_tasks.storage.published import encoded
from qmk_tasks.storage.storage import Version

_POLL_SECONDS = 0.5
_RENEWALS = 4
#: The part of the expiry after which no write is begun any more: what is left is for it to end.
_SURE = 0.75


class Taken(TaskError):
    """Somebody else is at the commit."""


class Lost(Taken):
    """Somebody else has taken the commit over, and tells how it ends."""


class Versions(Protocol):
    """What a lease needs of a bucket."""

    def read_version(self, key: str) -> Version | None: ...

    def put_if(self, key: str, data: bytes, content_type: str, etag: str | None) -> bool: ...

    def delete(self, keys: list[str]) -> None: ...


@dataclass(frozen=True)
class Holder:
    """Who is at it; ``renewal`` makes each version another."""

    holder: str
    renewal: int = 0


@dataclass(frozen=True)
class LeaseTimes:
    """Seconds: after ``expiry`` without a sign a holder is dead; ``wait`` is for one that lives."""

    expiry: float = 60.0
    wait: float = 900.0


DEFAULT_TIMES = LeaseTimes()


class Lease:
    """A commit that nobody else publishes or removes as long as this is held."""

    def __init__(self, storage: Versions, commit: str, times: LeaseTimes) -> None:
        self._storage = storage
        self._key = artifacts.publication(commit)
        self._times = times
        self._holder = Holder(secrets.token_hex(8))
        self._renewing = threading.Lock()
        self._ended = threading.Event()
        self._ours_until = 0.0

    def take(self) -> bool:
        """Whether it is ours now: nobody has it, or whoever had it is dead."""
        found = self._storage.read_version(self._key)
        if found is not None and found.age_seconds < self._times.expiry:
            return False
        return self._write(found.etag if found is not None else None)

    def check(self) -> None:
        """Ask storage whether it is still ours, for a while longer.

        Raises:
            Lost: it is somebody else's.
        """
        with self._renewing:
            found = self._storage.read_version(self._key)
            if found is None or not self._is_ours(found) or not self._write(found.etag):
                raise Lost("another refresh has taken this commit over")

    def require(self) -> None:
        """Before each write: ask storage where it has not confirmed for long that it is ours.

        Raises:
            Lost: it is somebody else's.
        """
        if time.monotonic() >= self._ours_until:
            self.check()

    def keep(self) -> None:
        """Write it anew until `end`."""
        while not self._ended.wait(self._times.expiry / _RENEWALS):
            try:
                self.check()
            except TaskError as error:
                # Storage may be away for a while; who publishes checks before it counts.
                sys.stderr.write(f"{error}\n")

    def end(self) -> None:
        """Let others have it."""
        self._ended.set()
        with self._renewing:
            found = self._storage.read_version(self._key)
            if found is not None and self._is_ours(found):
                self._storage.delete([self._key])

    def _write(self, etag: str | None) -> bool:
        self._holder = replace(self._holder, renewal=self._holder.renewal + 1)
        # Of this process's own clock, which runs on while it is stopped; S3's began later.
        until = time.monotonic() + self._times.expiry * _SURE
        written = self._storage.put_if(self._key, encoded(self._holder), artifacts.JSON, etag)
        if not written:
            # One whose reply was lost is tried again, and then refused for what it did itself.
            found = self._storage.read_version(self._key)
            written = found is not None and self._is_ours(found)
        if written:
            self._ours_until = until
        return written

    def _is_ours(self, found: Version) -> bool:
        try:
            return from_body(Holder, found.document).holder == self._holder.holder
        except ValueError:
            return False


@contextmanager
def held(storage: Versions, commit: str, times: LeaseTimes) -> Iterator[Lease]:
    """Hold a commit; wait for whoever has it.

    Raises:
        Taken: it was not to be had in time.
    """
    lease = Lease(storage, commit, times)
    deadline = time.monotonic() + times.wait
    waits = False
    while not lease.take():
        if time.monotonic() >= deadline:
            raise Taken(f"another refresh is at commit {commit}")
        if not waits:
            sys.stdout.write(f"Another refresh is at commit {commit}: waiting for it.\n")
            waits = True
        time.sleep(_POLL_SECONDS)
    keeper = threading.Thread(target=lease.keep, daemon=True)
    keeper.start()
    try:
        yield lease
    finally:
        # What cannot be removed now expires.
        with suppress(TaskError):
            lease.end()
        keeper.join()
