"""What people and the API are told of a refresh, written as it goes."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from qmk_contract import artifacts
from qmk_contract.refresh import (
    FAULTY_MAX,
    MESSAGE_CHARACTERS_MAX,
    ObjectCounts,
    RefreshState,
    RefreshStatus,
)
from qmk_contract.site import SiteIndex
from qmk_contract.snapshot import Channel
from qmk_tasks.handover.plan import Move
from qmk_tasks.storage import published
from qmk_tasks.storage.storage import Stored

#: For so long a refresh may run beside others before they count as killed.
SILENT = timedelta(minutes=30)


class Documents(Protocol):
    """What statuses need of a bucket."""

    def read_json(self, key: str) -> Mapping[str, Any] | None: ...

    def objects(self, prefix: str) -> Mapping[str, Stored]: ...

    def put(self, key: str, data: bytes, content_type: str) -> None: ...


@dataclass(frozen=True)
class Statuses:
    """Statuses of one refresh, by channel. All methods raise TaskError where storage fails."""

    storage: Documents
    started: datetime

    def running(self, move: Move, serving: Channel | None) -> None:
        """A channel's new commit is being fetched, made or published.

        Where those before have not told how they ended for long, that is a failure to be seen.
        """
        what = (
            "The commit's snapshot is being made." if move.make else "The channel is being moved."
        )
        known = published.read(self.storage, RefreshStatus, artifacts.refresh_status(move.channel))
        unended = known is not None and known.finished is None
        since = known.started if known is not None and unended else self.started
        state = RefreshState.RUNNING
        if self.started - since > SILENT:
            state = RefreshState.FAILED
            what = (
                f"No refresh since {since:%Y-%m-%dT%H:%M:%SZ} has told how it ended: they were "
                f"killed, perhaps for their time or memory. Another one tries. {what}"
            )
        self._write(
            replace(self._status(move.channel, state, what), started=since, finished=None),
            commit=move.commit,
            serving=_commit(serving),
        )

    def unchanged(self, channel: str, commit: str) -> None:
        """The channel is where its source is; what is known of that commit stays."""
        key = artifacts.refresh_status(channel)
        known = published.read(self.storage, RefreshStatus, key)
        if known is None or known.commit != commit or known.state is not RefreshState.PUBLISHED:
            message = "The channel is at the commit of its source."
            known = self._status(channel, RefreshState.PUBLISHED, message)
        self._write(known, updated=datetime.now(UTC), commit=commit, serving=commit)

    def published(
        self,
        move: Move,
        serving: Channel,
        counts: ObjectCounts,
        seconds: Mapping[str, float],
        index: SiteIndex | None,
    ) -> None:
        """The channel serves its commit, or one that a later refresh found."""
        message = "The commit is published."
        if serving.commit != move.commit:
            message = "A refresh that asked the source later has published another commit."
        faults = index.faults if index is not None else {}
        self._write(
            self._status(move.channel, RefreshState.PUBLISHED, message),
            commit=serving.commit,
            serving=serving.commit,
            objects=counts,
            seconds=seconds,
            fault_count=len(faults),
            faults=dict(list(faults.items())[:FAULTY_MAX]),
        )

    def failed(
        self,
        channel: str,
        why: str,
        *,
        commit: str | None = None,
        serving: Channel | None = None,
        seconds: Mapping[str, float] | None = None,
    ) -> None:
        """The channel could not be moved, and serves what it did."""
        self._write(
            self._status(channel, RefreshState.FAILED, why),
            commit=commit,
            serving=_commit(serving),
            seconds=seconds or {},
        )

    def _status(self, channel: str, state: RefreshState, message: str) -> RefreshStatus:
        now = datetime.now(UTC)
        finished = None if state is RefreshState.RUNNING else now
        text = message[:MESSAGE_CHARACTERS_MAX]
        return RefreshStatus(channel, state, self.started, now, text, finished=finished)

    def _write(self, status: RefreshStatus, **changes: Any) -> None:
        key = artifacts.refresh_status(status.channel)
        published.write(self.storage, key, replace(status, **changes))


def _commit(pointer: Channel | None) -> str | None:
    return None if pointer is None else pointer.commit
