"""The queue's order: who is admitted next, and who stands where. Pure, from what is.

Both the operator (which admits) and the API (which tells a position) ask this module, so that
they never disagree.
"""

import heapq
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from statistics import median

#: Seconds that a build is taken to last where none has been seen: about what a whole build of one
#: keymap of the real firmware tree takes.
UNSEEN_BUILD_SECONDS = 20.0
#: How many of the last builds tell how long the next one takes.
RECENT_BUILDS = 50


@dataclass(frozen=True)
class Waiting:
    """A job that asks for a slot. ``key`` is its build key.

    Nobody waits for one that is ``idle``: it has slots that nobody else wants.
    """

    name: str
    key: str
    created: datetime
    idle: bool = False


@dataclass(frozen=True)
class Holding:
    """A job that has had a slot ``since`` then, for the build of that key.

    ``homeless``: no node has room for its pod.
    """

    key: str
    since: datetime
    idle: bool = False
    homeless: bool = False


@dataclass(frozen=True)
class Limits:
    """How much may run at once, over all classes and clients."""

    max_running: int


def queue_order(waiting: Iterable[Waiting]) -> list[Waiting]:
    """First come, first served, idle ones last; equal times by name, so that the order never
    depends on events."""
    return sorted(waiting, key=lambda job: (job.idle, job.created, job.name))


def admit(
    waiting: Iterable[Waiting], running_keys: Collection[str], running: int, limits: Limits
) -> list[Waiting]:
    """Whom to admit now, in order.

    A key that is being built already is not built twice: its next job waits for that result.
    """
    free = limits.max_running - running
    keys = set(running_keys)
    admitted: list[Waiting] = []
    for job in queue_order(waiting):
        if len(admitted) >= free:
            break
        if job.key not in keys:
            keys.add(job.key)
            admitted.append(job)
    return admitted


def giving_way(
    waiting: Iterable[Waiting], holding: Mapping[str, Holding], limits: Limits
) -> list[str]:
    """Names of the idle jobs that lose their slots to those that somebody waits for.

    The youngest go, as many as slots are needed, or places on the nodes. What somebody waits for
    is not begun anew: an idle job that builds it stays.
    """
    idle = {name: held for name, held in holding.items() if held.idle}
    if not idle:
        return []
    awaited = {job.key for job in waiting if not job.idle}
    wanted = awaited - {held.key for held in holding.values()}
    free = max(0, limits.max_running - len(holding))
    homeless = sum(1 for held in holding.values() if not held.idle and held.homeless)
    needed = max(0, len(wanted) - free, homeless)
    others = [(held.since, name) for name, held in idle.items() if held.key not in awaited]
    return [name for _, name in sorted(others, reverse=True)[:needed]]


def position(name: str, waiting: Iterable[Waiting]) -> int | None:
    """How many jobs are ahead in the queue; None if this one does not wait."""
    return next((index for index, job in enumerate(queue_order(waiting)) if job.name == name), None)


def typical_seconds(durations: Iterable[tuple[datetime, float]]) -> float:
    """How long a build takes: the median of the last ones, each given as its end and seconds."""
    recent = heapq.nlargest(RECENT_BUILDS, durations)
    return float(median(seconds for _, seconds in recent)) if recent else UNSEEN_BUILD_SECONDS


def eta(ahead: int, running: int, limits: Limits, build_seconds: float) -> int:
    """Whole seconds until a job that waits will have its result, if all builds take as long.

    ``ahead`` jobs wait before it and ``running`` ones hold slots. Slots become free one after
    another, not all at once.
    """
    to_be_freed = max(0, ahead + 1 + running - limits.max_running)
    return math.ceil(build_seconds * (to_be_freed / limits.max_running + 1))
