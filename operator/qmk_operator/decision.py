"""What a decision is made of: what was observed, and what is to be done about it."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto

from qmk_contract.compile_job import CompileJob, CompileJobStatus
from qmk_contract.errors import RequestError
from qmk_contract.phases import Phase
from qmk_contract.record_pointer import RecordPointer
from qmk_operator.observation import JobView, PodView
from qmk_operator.request import BuildRequest
from qmk_operator.results import StoredResult

#: Phases of a run whose Job was there.
BEGUN = frozenset({Phase.STARTING, Phase.RUNNING})


class Need(Enum):
    """What a decision cannot be made without, and has not been looked at yet."""

    REQUEST = auto()
    RESULT = auto()
    SLOT = auto()
    RECORD = auto()


class Slot(Enum):
    """Whether a job may start now."""

    FREE = auto()
    FULL = auto()
    SAME_BUILD = auto()


@dataclass(frozen=True)
class Observed:
    """What is, around one CompileJob.

    ``job`` is the Job of run number ``rerun`` and ``pods`` are its pods, the newest last. The
    rest is looked at on demand: None means not yet (for the result and the record of its
    keyboard: that ``result_read`` and ``record_read`` are false). ``gives_way``: somebody waits
    for the slot that it holds, and nobody for it.
    """

    rerun: int
    job: JobView | None = None
    pods: tuple[PodView, ...] = ()
    request: BuildRequest | RequestError | None = None
    result: StoredResult | None = None
    result_read: bool = False
    slot: Slot | None = None
    record: RecordPointer | None = None
    record_read: bool = False
    storage_down: bool = False
    name_taken: bool = False
    gives_way: bool = False

    @property
    def pod(self) -> PodView | None:
        """The newest pod."""
        return self.pods[-1] if self.pods else None


@dataclass(frozen=True)
class CreateJob:
    """Store the request and create the Job of this run, with the keyboard's record if any."""

    request: BuildRequest
    rerun: int
    record: RecordPointer | None = None


@dataclass(frozen=True)
class DeleteJob:
    """Delete a Job and, behind it, its pods."""

    job: JobView


@dataclass(frozen=True)
class DeleteCompileJob:
    """Delete the CompileJob, unless it has changed meanwhile."""


Action = CreateJob | DeleteJob | DeleteCompileJob


@dataclass(frozen=True)
class Decision:
    """What to do: look something up first (``need``), or act, then write ``status``.

    ``status`` None leaves the status as it is. ``requeue_seconds`` asks for another look then;
    ``retry`` for one after a back-off.
    """

    status: CompileJobStatus | None = None
    action: Action | None = None
    need: Need | None = None
    requeue_seconds: float | None = None
    retry: bool = False


def current_run(job: CompileJob, jobs: Iterable[JobView]) -> int:
    """The number of the run that is under way, or was the last.

    Until the first status is written, the Job that was created tells it: ``spec.rerun`` may
    have been raised since.
    """
    if job.status.timestamps.queued is not None:
        return job.status.rerun
    return max((item.rerun for item in jobs), default=job.spec.rerun)
