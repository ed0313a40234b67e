"""Asks for records: after a build that needed the whole tree, one that records its keyboard."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from qmk_contract.compile_job import CompileJob, new_compile_job
from qmk_contract.phases import JobClass, Reason
from qmk_contract.record_job import is_record_job, record_job_spec
from qmk_contract.result import BuildPath, BuildResult, RecordUse
from qmk_operator.cluster import ClusterError, ConflictError, NotFoundError
from qmk_operator.metrics import Metrics
from qmk_operator.records import RecordIdentity
from qmk_operator.store import Kind, Store

logger = logging.getLogger(__name__)

#: Jobs that make a record or wait to: above it, whoever compiles later asks again.
OPEN_MAX = 20
_OF_NO_USE = frozenset({RecordUse.ABSENT, RecordUse.REJECTED})
#: Ends that say nothing about the keyboard: another run may well leave its record.
_LOST = frozenset(
    {
        Reason.ARTIFACT_MISSING,
        Reason.UPLOAD_FAILED,
        Reason.IMAGE_PULL_FAILED,
        Reason.EVICTED,
        Reason.NODE_LOST,
        Reason.INFRA_RETRIES_EXHAUSTED,
    }
)


class Asked(StrEnum):
    """What became of asking for a record."""

    CREATED = "created"
    #: There is such a job already, under way or at an end that another run would come to.
    EXISTS = "exists"
    #: Too many are open.
    CROWDED = "crowded"
    FAILED = "failed"


class NewCompileJobs(Protocol):
    """Creates CompileJobs in the Kubernetes API, in the place of others."""

    async def create_compile_job(self, body: Mapping[str, Any]) -> Mapping[str, Any]: ...

    async def delete_compile_job(self, name: str, uid: str, resource_version: str) -> None: ...


def wanted(job: CompileJob, result: BuildResult) -> bool:
    """Whether a record would have spared somebody who waits the whole of a build."""
    awaited = job.spec.job_class is not JobClass.TEST
    return awaited and result.path is BuildPath.FULL and result.record in _OF_NO_USE


@dataclass(frozen=True)
class RecordJobs:
    """Creates the CompileJobs that leave records. ``clock`` tells the time of day."""

    store: Store
    compile_jobs: NewCompileJobs
    metrics: Metrics
    clock: Callable[[], datetime]
    _under_way: set[str] = field(default_factory=set)

    async def ask(
        self, name: str, job: CompileJob, identity: RecordIdentity, firmware_commit: str
    ) -> Asked:
        """Have the record of that identity made, for the sake of those who compile after ``job``.

        ``name`` is the CompileJob's that makes it. It is asked for as well as can be: a failure
        is only logged and counted.
        """
        asked = self._room(name)
        if asked is None:
            self._under_way.add(name)
            try:
                asked = await self._create(name, job, identity, firmware_commit)
            finally:
                self._under_way.discard(name)
        self.metrics.asked_for_record(asked)
        return asked

    def _room(self, name: str) -> Asked | None:
        """Why no job is created; None if one is to be."""
        known = self.store.compile_job(name)
        if name in self._under_way or (known is not None and known.status.reason not in _LOST):
            return Asked.EXISTS
        open_now = {
            job.name
            for job in self.store.compile_jobs()
            if is_record_job(job.name) and not job.status.phase.final
        }
        return Asked.CROWDED if len(open_now | self._under_way) >= OPEN_MAX else None

    async def _create(
        self, name: str, job: CompileJob, identity: RecordIdentity, firmware_commit: str
    ) -> Asked:
        spec = record_job_spec(
            identity.keyboard,
            identity.plain,
            firmware_commit=firmware_commit,
            channel=job.spec.channel,
        )
        body = new_compile_job(name, job.namespace, spec, self.clock())
        try:
            await self._make_room(name)
            made = await self.compile_jobs.create_compile_job(body)
        except ConflictError:
            return Asked.EXISTS
        except ClusterError as error:
            logger.warning("No record of %s is asked for: %s", identity.keyboard, error)
            return Asked.FAILED
        self.metrics.wrote("create", "compilejobs")
        self.store.put(Kind.COMPILE_JOB, made)
        logger.info("CompileJob %s is to record %s", name, identity.keyboard)
        return Asked.CREATED

    async def _make_room(self, name: str) -> None:
        """Delete the job of that name that ended without saying anything."""
        known = self.store.compile_job(name)
        if known is None:
            return
        try:
            await self.compile_jobs.delete_compile_job(name, known.uid, known.resource_version)
            self.metrics.wrote("delete", "compilejobs")
        except NotFoundError:
            logger.info("CompileJob %s was gone already", name)
        self.store.remove(Kind.COMPILE_JOB, name, known.uid)
