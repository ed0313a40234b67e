"""Where everyone stands: computed from what is, at most a few times a second."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from qmk_api.memory import Clock
from qmk_api.ports import Jobs
from qmk_contract.compile_job import CompileJob
from qmk_contract.phases import Phase
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
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class QueueView:
    """Jobs ahead by job name, how many jobs are neither running nor at their end, how many hold
    slots, and how long a build takes.

    ``clients`` has the positions of each client's jobs, in order.
    """

    length: int = 0
    positions: Mapping[str, int] = field(default_factory=dict)
    clients: Mapping[str, Sequence[int]] = field(default_factory=dict)
    holding: int = 0
    build_seconds: float = UNSEEN_BUILD_SECONDS


class Queue:
    """The view of the queue, remembered for a moment."""

    def __init__(self, jobs: Jobs, limits: Limits, clock: Clock) -> None:
        self._jobs = jobs
        self._limits = limits
        self._clock = clock
        self._view = QueueView()
        self._expires = float("-inf")

    def view(self) -> QueueView:
        if self._clock() >= self._expires:
            self._view = queue_view(self._jobs.all_known())
            self._expires = self._clock() + VIEW_SECONDS
        return self._view

    def place(self, job: CompileJob) -> tuple[int, int]:
        """How many jobs are ahead of one that has not begun, and seconds until it has ended."""
        view = self.view()
        if phase(job) is Phase.STARTING:
            return 0, eta(0, 0, self._limits, view.build_seconds)
        ahead = view.positions.get(job.name, len(view.positions))
        return ahead, eta(ahead, view.holding, self._limits, view.build_seconds)


def rerun_asked(job: CompileJob) -> bool:
    """Whether the operator has yet to take up a rerun: the status is still that of the last run."""
    return job.spec.rerun > job.status.rerun


def phase(job: CompileJob) -> Phase:
    """The phase that counts: Pending where a rerun was asked for and not begun."""
    return Phase.PENDING if rerun_asked(job) else job.status.phase


def queue_view(jobs: Iterable[CompileJob]) -> QueueView:
    phases = [(job, phase(job)) for job in jobs]
    open_jobs = {job.name: job for job, at in phases if at in (Phase.PENDING, Phase.QUEUED)}
    order = queue_order(
        Waiting(job.name, job.status.build_key or job.name, _since(job))
        for job in open_jobs.values()
    )
    clients = defaultdict(list)
    for ahead, job in enumerate(order):
        clients[open_jobs[job.name].spec.client].append(ahead)
    starting = sum(at is Phase.STARTING for _, at in phases)
    running = sum(at is Phase.RUNNING for _, at in phases)
    return QueueView(
        length=len(order) + starting,
        positions={job.name: ahead for ahead, job in enumerate(order)},
        clients=clients,
        holding=starting + running,
        build_seconds=typical_seconds(
            (times.finished, float(job.status.duration_seconds))
            for job, _ in phases
            if (times := job.status.timestamps).started and times.finished
            if job.status.duration_seconds is not None
        ),
    )


def _since(job: CompileJob) -> datetime:
    """Since when it waits, as the operator counts: for a rerun, since that is taken up."""
    return _LAST if rerun_asked(job) else job.status.timestamps.queued or job.created
