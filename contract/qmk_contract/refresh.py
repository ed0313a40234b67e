"""Refreshes of a channel's firmware: the flag that asks for one, and how the last one went."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

SCHEMA = 1
#: Of the keyboards with faults, a status names this many; the site's index has all of them.
FAULTY_MAX = 100
MESSAGE_CHARACTERS_MAX = 2000


@dataclass(frozen=True)
class RefreshRequest:
    """Who moved what, last. ``commit`` is what the channel's ref pointed to at that moment: a
    hint, since it may have moved again. ``delivery`` names the notice that told."""

    channel: str
    commit: str
    requested: datetime
    delivery: str
    schema: int = SCHEMA


class RefreshState(StrEnum):
    """A refresh is under way; the channel serves its source's commit; or why it does not."""

    RUNNING = "Running"
    PUBLISHED = "Published"
    FAILED = "Failed"


@dataclass(frozen=True)
class ObjectCounts:
    """Objects of a snapshot: uploaded, copied inside storage, and there already."""

    stored: int = 0
    copied: int = 0
    kept: int = 0


@dataclass(frozen=True)
class RefreshStatus:
    """How a channel's refresh goes or went.

    ``commit`` is what the source points at, ``serving`` what the channel does. ``faults`` is what
    is wrong with keyboards of ``commit``, of at most FAULTY_MAX of the ``fault_count`` that there
    are. ``seconds`` is what each step took.
    """

    channel: str
    state: RefreshState
    started: datetime
    updated: datetime
    message: str
    commit: str | None = None
    serving: str | None = None
    finished: datetime | None = None
    fault_count: int = 0
    faults: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    objects: ObjectCounts = ObjectCounts()
    seconds: Mapping[str, float] = field(default_factory=dict)
    schema: int = SCHEMA
