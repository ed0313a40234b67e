"""What is done once when a CompileJob has ended: counting it, and caring for the next one."""

import logging
from dataclasses import dataclass

from qmk_contract.compile_job import CompileJob, CompileJobStatus
from qmk_contract.errors import RequestError
from qmk_contract.result import BuildResult, RecordUse
from qmk_operator.metrics import Metrics
from qmk_operator.record_jobs import RecordJobs, wanted
from qmk_operator.records import Records
from qmk_operator.request import Catalogue, resolve
from qmk_operator.results import StoredResult
from qmk_operator.storage import StorageUnavailableError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Endings:
    """Without ``record_jobs`` nobody is asked for a record."""

    metrics: Metrics
    catalogue: Catalogue
    toolchain_digest: str
    records: Records
    record_jobs: RecordJobs | None

    async def ended(
        self, job: CompileJob, status: CompileJobStatus, stored: StoredResult | None
    ) -> None:
        """A job has ended with this status, which is written; ``stored`` is what was built."""
        self.metrics.finished(status)
        if stored is None or status.cached is not False:
            return
        self.metrics.built(stored.result)
        if stored.result.record is RecordUse.REJECTED or wanted(job, stored.result):
            await self._want_record(job, status, stored.result)

    async def _want_record(
        self, job: CompileJob, status: CompileJobStatus, result: BuildResult
    ) -> None:
        try:
            request = await resolve(
                job.spec, status.firmware_commit, self.catalogue, self.toolchain_digest
            )
            identity = request.record
            if identity is None or request.key != result.key:
                return
            if result.record is RecordUse.ABSENT:
                self.records.forget(identity)
            rejected = result.record is RecordUse.REJECTED
            if rejected and not await self.records.refuse(identity, used=result.started):
                return
        except (RequestError, StorageUnavailableError) as error:
            logger.warning("No record is asked for after %s: %s", job.name, error)
            return
        if self.record_jobs is not None:
            name = self.records.replacement(identity)
            await self.record_jobs.ask(name, job, identity, request.firmware_commit)
