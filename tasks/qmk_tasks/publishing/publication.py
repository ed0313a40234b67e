"""The last step of a refresh: each snapshot published, each pointer moved, and how it went told."""

import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from qmk_contract.refresh import ObjectCounts
from qmk_contract.snapshot import Channel
from qmk_tasks.channels import flags, pointer
from qmk_tasks.channels.status import Statuses
from qmk_tasks.errors import TaskError
from qmk_tasks.handover import report
from qmk_tasks.handover.plan import Move, Plan
from qmk_tasks.publishing.publish import Objects, publish
from qmk_tasks.storage import lease, published
from qmk_tasks.storage.lease import DEFAULT_TIMES, LeaseTimes
from qmk_tasks.storage.storage import Version

PUBLISH = "publish"
#: Storage that failed may be back soon.
_TELL_SECONDS = 60.0
_TELL_AGAIN_SECONDS = 2.0


class Bucket(Objects, Protocol):
    """What a publication needs of a bucket."""

    def read_version(self, key: str) -> Version | None: ...

    def put(self, key: str, data: bytes, content_type: str) -> None: ...

    def put_if(self, key: str, data: bytes, content_type: str, etag: str | None) -> bool: ...

    def delete(self, keys: list[str]) -> None: ...

    def time(self) -> datetime: ...


@dataclass(frozen=True)
class Publications:
    """Carries a plan out; ``work`` is the folder in which the steps before left their files."""

    plan: Plan
    work: Path
    storage: Bucket
    times: LeaseTimes = DEFAULT_TIMES

    def run(self) -> tuple[list[Move], dict[str, str]]:
        """Publish each channel's commit, each by itself.

        Returns those that moved, and why others did not, by channel.
        """
        moved, failures = [], dict(self.plan.failures)
        for move in self.plan.moves:
            try:
                if self._carry_out(move).commit == move.commit:
                    moved.append(move)
            except lease.Lost as error:
                # Its status is that of whoever has it now.
                failures[move.channel] = str(error)
            except TaskError as error:
                failures[move.channel] = str(error)
                self._tell(move, str(error))
        return moved, failures

    def _carry_out(self, move: Move) -> Channel:
        started = time.monotonic()
        before = report.read(self.work / move.commit) if move.make else report.Report()
        if before.failure is not None:
            raise TaskError(before.failure)
        with lease.held(self.storage, move.commit, self.times) as held:
            counts = self._publish(move, held)
            serving = pointer.move(self.storage, move.channel, move.commit, move.resolved)
        seconds = {**before.seconds, PUBLISH: round(time.monotonic() - started, 3)}
        self._done(move, serving, counts, seconds)
        return serving

    def _publish(self, move: Move, held: lease.Lease) -> ObjectCounts:
        """A commit that is published stays as it is, unless it is asked for anew."""
        if not move.anew and published.is_published(self.storage, move.commit):
            return ObjectCounts()
        if not move.make:
            raise TaskError(
                f"commit {move.commit} is no longer in storage; the next refresh makes it anew"
            )
        objects = self.work / move.commit / "objects"
        counts = publish(objects, move.commit, move.previous, self.storage, held)
        _say(
            f"Stored {counts.stored} objects of commit {move.commit}, copied {counts.copied}; "
            f"{counts.kept} were there already."
        )
        return counts

    def _done(
        self, move: Move, serving: Channel, counts: ObjectCounts, seconds: Mapping[str, float]
    ) -> None:
        flags.clear(self.storage, move.channel, move.commit, move.resolved)
        index = published.index(self.storage, serving.commit)
        self._statuses().published(move, serving, counts, seconds, index)
        _say(f"Channel {move.channel} is at {serving.commit}.")

    def _tell(self, move: Move, why: str) -> None:
        """Where storage stays away, the log alone has the reason."""
        sys.stderr.write(f"Channel {move.channel} could not be moved: {why}\n")
        sys.stderr.flush()
        deadline = time.monotonic() + _TELL_SECONDS
        while (problem := self._told(move, why)) is not None:
            if time.monotonic() > deadline:
                sys.stderr.write(f"Its status could not be written: {problem}\n")
                return
            time.sleep(_TELL_AGAIN_SECONDS)

    def _told(self, move: Move, why: str) -> TaskError | None:
        """What kept the status from being written; None if nothing did."""
        try:
            seconds = report.read(self.work / move.commit).seconds
            serving = published.pointer(self.storage, move.channel)
            self._statuses().failed(
                move.channel, why, commit=move.commit, serving=serving, seconds=seconds
            )
        except TaskError as error:
            return error
        return None

    def _statuses(self) -> Statuses:
        return Statuses(self.storage, self.plan.started)


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()
