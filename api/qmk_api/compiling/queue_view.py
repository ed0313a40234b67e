"""Where everyone stands: computed from what is, at most a few times a second."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from qmk_api.memory import Clock
from qmk_api.ports import Jobs
from qmk_contract.compile_job import CompileJob
from qmk_contract.phases import JobClass, Phase
from qmk_contract.queue import (
    UNSEEN_BUILD_SECONDS,
    Limits,
    Waiting,
    eta,
    queue_order,
    typical_seconds,
)

#: How old a view may be; sorting ten thousand jobs for each poll would be the poll's main cost.
VIEW_SECONDS = 0.25
#: What part of the time views may take. Above it, they become older.
VIEW_SHARE = 0.05
#: Looked up once: an attribute of an enum costs more than all else that is done with a job.
_PENDING, _QUEUED, _STARTING, _RUNNING = (
    Phase.PENDING, Phase.QUEUED, Phase.STARTING, Phase.RUNNING,
)  # fmt: skip
_INTERACTIVE, _TEST = JobClass.INTERACTIVE, JobClass.TEST
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class QueueView:
    """Jobs ahead by job name, how many jobs are neither running nor at their end, how many hold
    slots (but tests, which leave theirs to others), and how long a build takes.

    ``wanted`` is how many of those that have a position somebody waits for: all but tests, which
    everybody else overtakes.

    ``interactive`` counts only the jobs that people wait for, and ``clients`` has the positions of
    only those, by client and in order: no number of tests makes the queue full for people.
    """

    length: int = 0
    interactive: int = 0
    wanted: int = 0
    positions: Mapping[str, int] = field(default_factory=dict)
    clients: Mapping[str, Sequence[int]] = field(default_factory=dict)
    holding: int = 0
    build_seconds: float = UNSEEN_BUILD_SECONDS


class Queue:
    """The view of the queue, remembered for a moment.

    Each look gives a view of its own, even where nothing has changed.
    """

    def __init__(self, jobs: Jobs, limits: Limits, clock: Clock) -> None:
        self._jobs = jobs
        self._limits = limits
        self._clock = clock
        self._view = QueueView()
        self._changes: int | None = None
        self._expires = float("-inf")

    def view(self) -> QueueView:
        if (begun := self._clock()) >= self._expires:
            self._look()
            ended = self._clock()
            self._expires = ended + max(VIEW_SECONDS, (ended - begun) / VIEW_SHARE)
        return self._view

    def _look(self) -> None:
        changes = self._jobs.changes  # before the jobs, so that none is missed
        if changes == self._changes:
            self._view = replace(self._view)
        else:
            self._view = queue_view(self._jobs.all_known())
            self._changes = changes

    def place(self, job: CompileJob) -> tuple[int, int]:
        """How many jobs are ahead of one that has not begun, and seconds until it has ended."""
        view = self.view()
        if phase(job) is Phase.STARTING:
            return 0, eta(0, 0, self._limits, view.build_seconds)
        ahead = view.positions.get(job.name, view.wanted)
        return ahead, eta(ahead, view.holding, self._limits, view.build_seconds)


def rerun_asked(job: CompileJob) -> bool:
    """Whether the operator has yet to take up a rerun: the status is still that of the last run."""
    return job.spec.rerun > job.status.rerun


def phase(job: CompileJob) -> Phase:
    """The phase that counts: Pending where a rerun was asked for and not begun."""
    return Phase.PENDING if rerun_asked(job) else job.status.phase


def queue_view(jobs: Iterable[CompileJob]) -> QueueView:
    waiting: dict[str, CompileJob] = {}
    starting = holding = interactive = 0
    built: list[tuple[datetime, float]] = []
    for job in jobs:
        at, times, seconds = phase(job), job.status.timestamps, job.status.duration_seconds
        if at is _PENDING or at is _QUEUED:
            waiting[job.name] = job
            interactive += job.spec.job_class is _INTERACTIVE
        elif at is _STARTING:
            starting += 1
            holding += job.spec.job_class is not _TEST
            interactive += job.spec.job_class is _INTERACTIVE
        elif at is _RUNNING:
            holding += job.spec.job_class is not _TEST
        # Tests build other things, and on what others leave to them.
        if (
            seconds is not None
            and times.started is not None
            and times.finished is not None
            and job.spec.job_class is not _TEST
        ):
            built.append((times.finished, seconds))
    order = queue_order(
        Waiting(name, job.status.build_key or name, _since(job), job.spec.job_class is _TEST)
        for name, job in waiting.items()
    )
    positions = {}
    wanted = 0
    clients = defaultdict(list)
    for ahead, waits in enumerate(order):
        positions[waits.name] = ahead
        wanted += not waits.idle
        spec = waiting[waits.name].spec
        if spec.job_class is _INTERACTIVE:
            clients[spec.client].append(ahead)
    return QueueView(
        length=len(order) + starting,
        interactive=interactive,
        wanted=wanted,
        positions=positions,
        clients=clients,
        holding=holding,
        build_seconds=typical_seconds(built),
    )


def _since(job: CompileJob) -> datetime:
    """Since when it waits, as the operator counts: for a rerun, since that is taken up."""
    return _LAST if rerun_asked(job) else job.status.timestamps.queued or job.created
