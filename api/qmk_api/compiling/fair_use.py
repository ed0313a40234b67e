"""What one client may ask for, so that there is room for all: decisions, without I/O."""

import math
from dataclasses import dataclass
from enum import StrEnum

from qmk_contract.compile_job import ANONYMOUS

#: So long at most is a client told to wait: by then estimates are worth nothing.
RETRY_SECONDS_MAX = 3600
#: What a bound is set to where there is to be none.
NO_BOUND = 0


class Kind(StrEnum):
    """What is counted: each kind has a rate of its own."""

    COMPILE = "compile"
    CONVERTER = "converter"


class TooManyRequests(Exception):
    """A client asked for more than its share.

    ``retry_after`` is whole seconds, at least one. ``position`` counts the jobs that wait ahead
    of what was refused, those of the client or of all; None where it was no matter of the queue.
    """

    def __init__(self, message: str, retry_after: float, position: int | None = None) -> None:
        super().__init__(message)
        self.retry_after = min(max(1, math.ceil(retry_after)), RETRY_SECONDS_MAX)
        self.position = position


def over_rate(kind: Kind, rate: str, retry_after: float) -> TooManyRequests:
    """The refusal of a request above its rate ("<count>/<second|minute|hour>")."""
    return TooManyRequests(f"more than {rate} {kind} requests, try again later", retry_after)


@dataclass(frozen=True)
class QueueBounds:
    """How many jobs may wait, of one client and of all; NO_BOUND is no bound."""

    of_client: int
    of_all: int


@dataclass(frozen=True)
class Crowd:
    """The queue as one client meets it: interactive jobs of its own and of all that wait.

    ``until_own`` is seconds until the client's next job begins, ``until_any`` until any does.
    """

    own: int
    everyone: int
    until_own: float
    until_any: float


def no_room(client: str, bounds: QueueBounds, crowd: Crowd) -> TooManyRequests | None:
    """Why one more job of a client may not wait now; None where it may."""
    if bounds.of_all != NO_BOUND and crowd.everyone >= bounds.of_all:
        said = f"the queue is full: {crowd.everyone} jobs wait"
        return TooManyRequests(said, crowd.until_any, crowd.everyone)
    if client == ANONYMOUS or bounds.of_client == NO_BOUND or crowd.own < bounds.of_client:
        return None
    said = f"{crowd.own} of your jobs wait already, let some of them end first"
    return TooManyRequests(said, crowd.until_own, crowd.own)
