"""Commits that nothing names any more, and records that no commit needs: removed after a while.

A note in storage says since when a commit has been named by nothing: it is as old as the last look
that found the commit named, or new. A removal that was broken off goes on at the next look.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from qmk_contract import artifacts
from qmk_contract.keyboard_record import record_digest
from qmk_contract.snapshot import Manifest
from qmk_tasks.storage import lease, published
from qmk_tasks.storage.lease import LeaseTimes
from qmk_tasks.storage.storage import Stored, Version

#: Whoever is at a commit that is to be removed is not waited for.
_TIMES = LeaseTimes(wait=0.0)
_PLATFORMS = ("avr", "chibios")


class Bucket(Protocol):
    """What removal needs of a bucket."""

    def read_json(self, key: str) -> Mapping[str, Any] | None: ...

    def objects(self, prefix: str) -> Mapping[str, Stored]: ...

    def folders(self, prefix: str) -> list[str]: ...

    def put(self, key: str, data: bytes, content_type: str) -> None: ...

    def read_version(self, key: str) -> Version | None: ...

    def put_if(self, key: str, data: bytes, content_type: str, etag: str | None) -> bool: ...

    def delete(self, keys: Iterable[str]) -> None: ...


@dataclass(frozen=True)
class Removal:
    """One look. ``named_by_jobs`` are the commits of all CompileJobs; asked only if it matters."""

    storage: Bucket
    named_by_jobs: Callable[[], set[str]]
    grace: timedelta
    now: datetime

    def commits(self) -> list[str]:
        """Remove commits that have been named by nothing for longer than ``grace``.

        Raises:
            TaskError: storage failed, or the CompileJobs could not be listed.
        """
        named = self._named_by_channels()
        prefixes = map(artifacts.commit_of_prefix, self.storage.folders(artifacts.COMMITS))
        unnamed = {commit for commit in prefixes if commit is not None} - named
        notes = self.storage.objects(artifacts.UNNAMED)
        wanted = {artifacts.unnamed(commit): commit for commit in unnamed}
        self.storage.delete(sorted(notes.keys() - wanted.keys()))
        for key in sorted(wanted.keys() - notes.keys()):
            published.write(self.storage, key, {"commit": wanted[key]})
        expired = [
            commit
            for key, commit in sorted(wanted.items())
            if key in notes and notes[key].modified + self.grace <= self.now
        ]
        return [commit for commit in expired if self._remove(commit)]

    def records(self, toolchain_digest: str) -> int:
        """Remove records that no stored commit has a use for; returns how many objects it were.

        Raises:
            TaskError: storage failed.
        """
        needed: set[str] = set()
        for prefix in self.storage.folders(artifacts.COMMITS):
            commit = artifacts.commit_of_prefix(prefix)
            if commit and (manifest := published.manifest(self.storage, commit)):
                needed |= _digests(manifest, toolchain_digest)
        gone = [
            key
            for key, stored in self.storage.objects(artifacts.RECORDS).items()
            if (digest := artifacts.digest_of_record(key)) is not None
            and digest not in needed
            and stored.modified + self.grace <= self.now
        ]
        # Pointers first: whoever finds one finds its record.
        self.storage.delete(sorted(gone, key=lambda key: not key.endswith(".json")))
        return len(gone)

    def _remove(self, commit: str) -> bool:
        note = artifacts.unnamed(commit)
        try:
            with lease.held(self.storage, commit, _TIMES):
                if commit in self.named_by_jobs() | self._named_by_channels():
                    self.storage.delete([note])
                    return False
                self.storage.delete([artifacts.manifest(commit)])
                self.storage.delete([artifacts.site_index(commit)])
                self.storage.delete(self.storage.objects(artifacts.firmware(commit)))
                self.storage.delete([note])
        except lease.Taken:
            return False
        _say(f"Removed commit {commit}, which nothing names any more.")
        return True

    def _named_by_channels(self) -> set[str]:
        return {there.commit for there in published.channels(self.storage).values()}


def _digests(manifest: Manifest, toolchain_digest: str) -> set[str]:
    """The digests of all records that serve builds of a commit."""
    return {
        record_digest(manifest.layers_for(folder, platform), toolchain_digest)
        for folder in manifest.keyboards
        for platform in _PLATFORMS
    }


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()
