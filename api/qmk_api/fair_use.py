"""What one client may ask for, so that there is room for all: decisions, without I/O."""

import math
from enum import StrEnum


class Kind(StrEnum):
    """What is counted: each kind has a rate of its own."""

    COMPILE = "compile"
    CONVERTER = "converter"


class TooManyRequests(Exception):
    """A client asked for more than its share.

    ``retry_after`` is whole seconds, at least one. ``position`` counts the jobs that wait ahead
    of what was refused: those of the client or, where that is not what is bounded, of all.
    """

    def __init__(self, message: str, retry_after: float, position: int | None = None) -> None:
        super().__init__(message)
        self.retry_after = max(1, math.ceil(retry_after))
        self.position = position


def over_rate(kind: Kind, rate: str, retry_after: float) -> TooManyRequests:
    """The refusal of a request above its rate ("<count>/<second|minute|hour>")."""
    return TooManyRequests(f"more than {rate} {kind} requests, try again later", retry_after)
