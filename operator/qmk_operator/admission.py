"""Who holds a build slot, who waits for one, and who is next: from what is, never from memory.

The one exception are reservations: they last from the decision to create a Job until the API
server's reply, so that two workers never give the same slot away.
"""

from dataclasses import replace

from qmk_contract.compile_job import CompileJob
from qmk_contract.queue import Holding, Limits, Waiting, admit, giving_way
from qmk_operator.decision import BEGUN, Slot
from qmk_operator.observation import JobView
from qmk_operator.pause import claimed_from, idle
from qmk_operator.store import Store

Claim = Waiting | Holding


class Admission:
    """The slots, kept up to date with the store by ``update``."""

    def __init__(self, store: Store, limits: Limits) -> None:
        self._store = store
        self._limits = limits
        self._waiting: dict[str, Waiting] = {}
        self._holding: dict[str, Holding] = {}
        self._reserved: dict[str, Waiting] = {}
        self._stalled: set[str] = set()
        self._woken: set[str] = set()
        self._changed = False

    @property
    def running(self) -> int:
        return len(self._holding.keys() | self._reserved.keys())

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def update(self, name: str) -> None:
        """Look at a CompileJob again."""
        before = self._holding.pop(name, None), self._waiting.pop(name, None)
        claim = self._claim(name)
        if isinstance(claim, Waiting):
            self._waiting[name] = claim
        elif claim is not None:
            self._holding[name] = claim
        if before == (self._holding.get(name), self._waiting.get(name)):
            return
        self._changed = True
        if before[0] is not None and claim is None:
            # Who waits for the same build needs no slot to take its result.
            same = (job.name for job in self._waiting.values() if job.key == before[0].key)
            self._woken.update(same)

    def take_woken(self) -> set[str]:
        """Whom the changes since the last call gave something to do."""
        woken, self._woken = self._woken, set()
        if self._changed:
            self._changed = False
            candidates = self._candidates()
            woken.update(job.name for job in self._admit(candidates))
            woken.update(giving_way(candidates, self._held(), self._limits))
        return woken

    def gives_way(self, name: str) -> bool:
        """Whether a CompileJob that holds a slot has to leave it to one that is waited for."""
        held = self._holding.get(name)
        if held is None or not held.idle:
            return False
        return name in giving_way(self._candidates(), self._held(), self._limits)

    def slot(self, name: str, key: str) -> Slot:
        """Whether a CompileJob may start the build of ``key``; if so, it is reserved for it."""
        keys = self._running_keys(without=name)
        if key in keys:
            return Slot.SAME_BUILD
        own = self._waiting.get(name)
        if own is None or self.running >= self._limits.max_running:
            return Slot.FULL
        others = [job for job in self._candidates() if job.name != name]
        admitted = self._admit([*others, replace(own, key=key)])
        if any(job.name == name for job in admitted):
            self._reserved[name] = replace(own, key=key)
            return Slot.FREE
        return Slot.SAME_BUILD if any(job.key == key for job in admitted) else Slot.FULL

    def settle(self, name: str, *, failed: bool) -> None:
        """The work on a CompileJob ended.

        Its reservation ends: its Job is in the store by now, or could not be created. One that
        fails lets others pass until it is well again.
        """
        reserved = self._reserved.pop(name, None) is not None
        self._changed = self._changed or reserved or failed != (name in self._stalled)
        if failed:
            self._stalled.add(name)
        else:
            self._stalled.discard(name)

    def _candidates(self) -> list[Waiting]:
        passed = self._stalled | self._reserved.keys()
        return [job for name, job in self._waiting.items() if name not in passed]

    def _admit(self, waiting: list[Waiting]) -> list[Waiting]:
        if self.running >= self._limits.max_running:
            return []
        return admit(waiting, self._running_keys(), self.running, self._limits)

    def _running_keys(self, without: str = "") -> set[str]:
        return {held.key for name, held in self._held().items() if name != without}

    def _held(self) -> dict[str, Holding]:
        reserved = {
            name: Holding(claim.key, claim.created, claim.idle)
            for name, claim in self._reserved.items()
        }
        return reserved | self._holding

    def _claim(self, name: str) -> Claim | None:
        jobs = self._store.jobs(name)
        job = self._store.compile_job(name)
        if (active := next((job for job in jobs if not self._over(job)), None)) is not None:
            of_test = job is not None and idle(job)
            return Holding(active.build_key, active.created, of_test, self._homeless(active))
        if job is None or job.status.phase.final:
            return None
        seen = self._store.observe(job)
        return None if seen.job is not None else _claim_without_job(job)

    def _homeless(self, job: JobView) -> bool:
        pods = self._store.pods(job)
        return bool(pods) and pods[-1].unschedulable

    def _over(self, job: JobView) -> bool:
        pods = self._store.pods(job)
        return job.finished or (bool(pods) and pods[-1].over and pods[-1].succeeded)


def _claim_without_job(job: CompileJob) -> Claim | None:
    if job.status.phase in BEGUN:
        # Its Job vanished and will be made again: the slot stays its own.
        since = job.status.timestamps.started or job.created
        return Holding(job.status.build_key or job.name, since, idle(job))
    if job.spec.cancel:
        return None
    key = job.status.build_key or job.name
    return Waiting(job.name, key, claimed_from(job), idle(job))
