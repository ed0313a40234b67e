"""What a refresh has to do, as its first step decides it and the others read it. Pure.

The plan lies in a folder that only the steps with credentials can write: a tree's own code cannot
make another commit of it, or another channel.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from qmk_contract.codec import from_body, to_body
from qmk_contract.documents import read_document
from qmk_tasks.errors import TaskError

SCHEMA = 1
_BYTES_MAX = 1 << 20


@dataclass(frozen=True)
class Move:
    """A channel that is to point at another commit.

    ``resolved`` is when its source said so. ``make``: the commit's snapshot is not published yet
    or, with ``anew``, is made all the same. ``previous`` is a published commit whose parts it can
    take over. Without a ``url`` the tree is brought by whoever asked; ``ref`` is the full name of
    the ref.
    """

    channel: str
    commit: str
    resolved: datetime
    make: bool
    anew: bool = False
    previous: str | None = None
    url: str = ""
    ref: str = ""


@dataclass(frozen=True)
class Plan:
    """All channels that are to move, and why others cannot, by channel."""

    started: datetime
    moves: tuple[Move, ...] = ()
    failures: Mapping[str, str] = field(default_factory=dict)
    schema: int = SCHEMA

    def made(self) -> tuple[Move, ...]:
        """One move for each commit whose snapshot is to be made."""
        return tuple({move.commit: move for move in self.moves if move.make}.values())


def write(plan: Plan, folder: Path) -> None:
    """Leave the plan for the steps that follow."""
    _file(folder).write_text(json.dumps(to_body(plan)))


def read(folder: Path) -> Plan:
    """The plan that the first step left.

    Raises:
        TaskError: there is none.
    """
    try:
        return from_body(Plan, read_document(_file(folder).read_bytes(), _BYTES_MAX))
    except (OSError, ValueError) as error:
        raise TaskError(f"there is no plan that can be read: {error}") from error


def _file(folder: Path) -> Path:
    return folder / "plan.json"
