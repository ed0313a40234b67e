"""Which channels have to move, and to which commits: sources asked, compared with pointers."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from qmk_contract.channels import ChannelSource
from qmk_contract.snapshot import Channel
from qmk_tasks.channels import flags
from qmk_tasks.channels.status import Statuses
from qmk_tasks.errors import TaskError
from qmk_tasks.handover import previous_files
from qmk_tasks.handover.plan import Move, Plan
from qmk_tasks.storage import published
from qmk_tasks.storage.storage import Stored


class Bucket(Protocol):
    """What planning needs of a bucket."""

    def read(self, key: str, bytes_max: int) -> bytes | None: ...

    def read_json(self, key: str) -> Mapping[str, Any] | None: ...

    def objects(self, prefix: str) -> Mapping[str, Stored]: ...

    def put(self, key: str, data: bytes, content_type: str) -> None: ...

    def time(self) -> datetime: ...

    def delete(self, keys: list[str]) -> None: ...


@dataclass(frozen=True)
class Found:
    """The commit that a channel's source is at, and the full name of the ref that says so."""

    commit: str
    ref: str = ""


Find = Callable[[ChannelSource], Found]


def make_plan(
    sources: Sequence[ChannelSource], find: Find, storage: Bucket, folder: Path, *, force: bool
) -> Plan:
    """Ask each channel's source where it is, and leave what snapshots of new commits need.

    A source that cannot be asked is a failure of its channel alone. ``force`` makes the snapshots
    of published commits anew.

    Raises:
        TaskError: storage failed.
    """
    started = datetime.now(UTC)
    statuses = Statuses(storage, started)
    moves, failures = list[Move](), dict[str, str]()
    for source in sources:
        there = published.pointer(storage, source.name)
        # Before it is asked: what it says is as new as this at least.
        resolved = storage.time()
        try:
            found = find(source)
        except TaskError as error:
            failures[source.name] = str(error)
            statuses.failed(source.name, str(error), serving=there)
            continue
        move = _move(source, found, there, resolved, storage, force=force)
        if move is None:
            _say(f"Channel {source.name} is at {found.commit}, as its source is.")
            flags.clear(storage, source.name, found.commit, resolved)
            statuses.unchanged(source.name, found.commit)
            continue
        _say(f"Channel {source.name} moves to {found.commit}.")
        if move.previous is not None:
            _keep_previous(move.previous, storage, folder)
        statuses.running(move, there)
        moves.append(move)
    return Plan(started, tuple(moves), failures)


def _move(
    source: ChannelSource,
    found: Found,
    there: Channel | None,
    resolved: datetime,
    storage: Bucket,
    *,
    force: bool,
) -> Move | None:
    make = force or not published.is_published(storage, found.commit)
    if not make and there is not None and there.commit == found.commit:
        return None
    return Move(
        channel=source.name,
        commit=found.commit,
        resolved=resolved,
        make=make,
        anew=force,
        previous=_previous(there, found.commit, storage) if make and not force else None,
        url=source.url,
        ref=found.ref,
    )


def _previous(there: Channel | None, commit: str, storage: Bucket) -> str | None:
    """The commit that is likely to have most in common: the channel's own, or another's."""
    others = [pointer.commit for _, pointer in sorted(published.channels(storage).items())]
    candidates = [there.commit, *others] if there is not None else others
    for candidate in dict.fromkeys(candidates):
        if candidate != commit and published.is_published(storage, candidate):
            return candidate
    return None


def _keep_previous(commit: str, storage: Bucket, folder: Path) -> None:
    manifest, index = published.manifest(storage, commit), published.index(storage, commit)
    if manifest is not None and index is not None:
        previous_files.write(folder, manifest, index, storage)


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()
