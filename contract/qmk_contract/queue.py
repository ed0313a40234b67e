"""The queue's order: who is admitted next, and who stands where. Pure, from what is.

Both the operator (which admits) and the API (which tells a position) ask this module, so that
they never disagree.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Waiting:
    """A job that asks for a slot. ``key`` is its build key."""

    name: str
    key: str
    created: datetime


@dataclass(frozen=True)
class Limits:
    """How much may run at once, over all classes and clients."""

    max_running: int


def queue_order(waiting: Iterable[Waiting]) -> list[Waiting]:
    """First come, first served; equal times by name, so that the order never depends on events."""
    return sorted(waiting, key=lambda job: (job.created, job.name))


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


def position(name: str, waiting: Iterable[Waiting]) -> int | None:
    """How many jobs are ahead in the queue; None if this one does not wait."""
    return next((index for index, job in enumerate(queue_order(waiting)) if job.name == name), None)
