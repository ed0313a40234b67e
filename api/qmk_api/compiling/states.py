"""Where a job can be, as far as anyone outside is concerned."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from qmk_contract.compile_job import CompileJob
from qmk_contract.phases import Phase
from qmk_contract.result import BuildResult


@dataclass(frozen=True)
class StoredBuild:
    """A build that ended and is stored. ``request`` is the keymap document that was compiled."""

    result: BuildResult
    log: str
    request: Mapping[str, Any]


@dataclass(frozen=True)
class Open:
    """A job before its end.

    Where its build has not begun, ``position`` counts the jobs ahead, and ``eta_seconds`` is when
    its result is to be expected.
    """

    job: CompileJob
    phase: Phase
    position: int | None
    queue_length: int
    eta_seconds: int | None = None


@dataclass(frozen=True)
class Ended:
    """A job that ended without a stored result: by time-out, by cancel, or by our own fault."""

    job: CompileJob
    log: str
    request: Mapping[str, Any]


State = StoredBuild | Open | Ended
