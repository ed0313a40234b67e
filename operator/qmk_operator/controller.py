"""Carries decisions out: looks up what a decision needs, acts, writes the status."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from qmk_contract.codec import to_body
from qmk_contract.compile_job import CompileJob, CompileJobStatus
from qmk_contract.errors import RequestError
from qmk_contract.phases import Phase, Reason
from qmk_contract.record_pointer import RecordPointer
from qmk_operator.admission import Admission
from qmk_operator.builds import Builds, NameTakenError
from qmk_operator.cluster import (
    ClusterError,
    ConflictError,
    InvalidError,
    NotFoundError,
    RefusedError,
)
from qmk_operator.decision import (
    Action,
    CreateJob,
    Decision,
    DeleteCompileJob,
    DeleteJob,
    Need,
    Observed,
)
from qmk_operator.endings import Endings
from qmk_operator.metrics import Metrics
from qmk_operator.reconcile import decide, result_key
from qmk_operator.records import Records
from qmk_operator.request import BuildRequest, Catalogue, resolve
from qmk_operator.results import StoredResult
from qmk_operator.status import merge_patch, minimal, on_the_way
from qmk_operator.storage import StorageUnavailableError
from qmk_operator.store import Kind, Store
from qmk_operator.work_queue import Outcome

logger = logging.getLogger(__name__)


class CompileJobs(Protocol):
    """CompileJobs, and the end of Jobs, in the Kubernetes API."""

    async def read_compile_job(self, name: str) -> Mapping[str, Any]: ...

    async def patch_status(self, name: str, patch: Mapping[str, Any]) -> Mapping[str, Any]: ...

    async def delete_compile_job(self, name: str, uid: str, resource_version: str) -> None: ...

    async def delete_job(self, name: str, uid: str) -> None: ...


class Results(Protocol):
    """Results of builds in storage."""

    async def read_result(self, key: str) -> StoredResult | None: ...


@dataclass(frozen=True)
class Controller:
    """Brings one CompileJob at a time closer to what it asks for.

    ``clock`` tells the time of day; ``toolchain_digest`` is part of each build's identity.
    """

    store: Store
    admission: Admission
    compile_jobs: CompileJobs
    results: Results
    catalogue: Catalogue
    records: Records
    builds: Builds
    endings: Endings
    metrics: Metrics
    clock: Callable[[], datetime]
    toolchain_digest: str
    image_pull_seconds: int

    async def reconcile(self, name: str) -> Outcome:
        """Take the next step for a CompileJob; what fails is tried again after a back-off."""
        job = self.store.compile_job(name)
        if job is None:
            return Outcome()
        try:
            return await self._step(job)
        except ConflictError:
            return await self._refresh(job)
        except ClusterError as error:
            logger.warning("CompileJob %s has to wait: %s", name, error)
            return Outcome(failed=True)

    async def _step(self, job: CompileJob) -> Outcome:
        seen = replace(self.store.observe(job), gives_way=self.admission.gives_way(job.name))
        decision = self._decide(job, seen)
        while decision.need is not None:
            seen = await self._look(job, seen, decision.need)
            decision = self._decide(job, seen)
        try:
            await self._act(job, decision.action)
        except StorageUnavailableError as error:
            logger.warning("CompileJob %s waits for storage: %s", job.name, error)
            decision = self._decide(job, replace(seen, storage_down=True))
        except RefusedError as error:
            if not isinstance(decision.action, CreateJob):
                raise
            logger.warning("CompileJob %s gets no Job: %s", job.name, error)
            message = f"the cluster refuses the build's Job: {error}"
            now = self.clock()
            await self._write(
                job, on_the_way(job, Phase.QUEUED, Reason.WAITING_FOR_SLOT, message, now)
            )
            return Outcome(failed=True)
        except NameTakenError:
            decision = self._decide(job, replace(seen, name_taken=True))
        if decision.status is not None and await self._write(job, decision.status):
            await self.endings.ended(job, decision.status, seen.result)
        await self._stop(decision.action)
        return Outcome(decision.requeue_seconds, failed=decision.retry)

    def _decide(self, job: CompileJob, seen: Observed) -> Decision:
        return decide(job, seen, self.clock(), self.image_pull_seconds)

    async def _look(self, job: CompileJob, seen: Observed, need: Need) -> Observed:
        """Look up what a decision needs."""
        try:
            if need is Need.REQUEST:
                commit = job.status.firmware_commit
                request = await resolve(job.spec, commit, self.catalogue, self.toolchain_digest)
                return replace(seen, request=request)
            key = result_key(job, seen)
            if need is Need.RESULT:
                result = None if key is None else await self.results.read_result(key)
                return replace(seen, result=result, result_read=True)
            if need is Need.RECORD:
                return replace(seen, record=await self._record(seen), record_read=True)
        except RequestError as error:
            return replace(seen, request=error)
        except StorageUnavailableError as error:
            logger.warning("CompileJob %s waits for storage: %s", job.name, error)
            return replace(seen, storage_down=True)
        return replace(seen, slot=self.admission.slot(job.name, key or job.name))

    async def _record(self, seen: Observed) -> RecordPointer | None:
        request = seen.request
        if not isinstance(request, BuildRequest) or request.record is None:
            return None
        return await self.records.find(request.record)

    async def _act(self, job: CompileJob, action: Action | None) -> None:
        if isinstance(action, CreateJob):
            body = await self.builds.start(job, action.request, action.record, action.rerun)
            self.metrics.wrote("create", "jobs")
            self.store.put(Kind.JOB, body)
            logger.info("CompileJob %s has Job %s", job.name, body["metadata"]["name"])
        elif isinstance(action, DeleteCompileJob):
            await self._delete(job)

    async def _stop(self, action: Action | None) -> None:
        """Delete a Job once the status says so.

        Broken off in between, the Job is seen again; one that went unsaid would look lost.
        """
        if not isinstance(action, DeleteJob):
            return
        name, uid = action.job.name, action.job.uid
        try:
            await self.compile_jobs.delete_job(name, uid)
            self.metrics.wrote("delete", "jobs")
        except (NotFoundError, ConflictError):
            logger.info("Job %s was gone already", name)
        self.store.remove(Kind.JOB, name, uid)

    async def _delete(self, job: CompileJob) -> None:
        try:
            await self.compile_jobs.delete_compile_job(job.name, job.uid, job.resource_version)
            self.metrics.wrote("delete", "compilejobs")
        except NotFoundError:
            logger.info("CompileJob %s was gone already", job.name)
        self.store.remove(Kind.COMPILE_JOB, job.name, job.uid)

    async def _write(self, job: CompileJob, status: CompileJobStatus) -> bool:
        """Write what of the status has changed, to the very object that was decided on.

        Says whether the job has ended by it.
        """
        patch = merge_patch(to_body(job.status), to_body(status))
        if not patch:
            return False
        metadata = {"uid": job.uid, "resourceVersion": job.resource_version}
        try:
            body = await self.compile_jobs.patch_status(
                job.name, {"metadata": metadata, "status": patch}
            )
        except InvalidError as error:
            least = minimal(status)
            if status == least:
                raise
            logger.warning("CompileJob %s cannot have this status: %s", job.name, error)
            return await self._write(job, least)
        except NotFoundError:
            self.store.remove(Kind.COMPILE_JOB, job.name, job.uid)
            return False
        self.metrics.wrote("patch", "compilejobs/status")
        self.store.put(Kind.COMPILE_JOB, body)
        if status.phase is job.status.phase:
            return False
        logger.info("CompileJob %s is %s: %s", job.name, status.phase, status.reason)
        return status.phase.final

    async def _refresh(self, job: CompileJob) -> Outcome:
        """The object has changed since the watch told of it: read it and decide anew."""
        try:
            body = await self.compile_jobs.read_compile_job(job.name)
        except NotFoundError:
            self.store.remove(Kind.COMPILE_JOB, job.name, job.uid)
            return Outcome()
        except ClusterError as error:
            logger.warning("CompileJob %s has to wait: %s", job.name, error)
            return Outcome(failed=True)
        if self.store.put(Kind.COMPILE_JOB, body) or self.store.compile_job(job.name) != job:
            return Outcome(requeue_seconds=0)
        return Outcome(failed=True)
