"""A flag in storage: a channel's source has moved, and its firmware is to be published anew."""

from dataclasses import dataclass
from datetime import datetime

SCHEMA = 1


@dataclass(frozen=True)
class RefreshRequest:
    """Who moved what, last. ``commit`` is what the channel's ref pointed to at that moment: a
    hint, since it may have moved again. ``delivery`` names the notice that told."""

    channel: str
    commit: str
    requested: datetime
    delivery: str
    schema: int = SCHEMA
