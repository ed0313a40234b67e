"""Starts a build: the request to storage, then the Job that fetches it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol

from qmk_contract.compile_job import CompileJob
from qmk_contract.names import KIND, job_name
from qmk_contract.record_pointer import RecordPointer
from qmk_operator.cluster import ClusterError, ConflictError
from qmk_operator.manifests import JobLimits, job_manifest
from qmk_operator.orders import Presigner, Run, deadline_seconds, make_orders
from qmk_operator.request import BuildRequest
from qmk_operator.settings import Settings


class NameTakenError(Exception):
    """A Job of that name exists, and it is none of ours."""


class Jobs(Protocol):
    """Jobs in the Kubernetes API."""

    async def create_job(self, manifest: Mapping[str, Any]) -> Mapping[str, Any]: ...

    async def read_job(self, name: str) -> Mapping[str, Any]: ...


class Requests(Presigner, Protocol):
    """Where requests are stored, and URLs made."""

    async def write_request(self, key: str, document: bytes) -> None: ...


class Builds:
    """Creates Jobs by their settled names: running it twice makes one.

    ``clock`` tells the time of day.
    """

    def __init__(
        self, settings: Settings, jobs: Jobs, requests: Requests, clock: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._jobs = jobs
        self._requests = requests
        self._clock = clock

    async def start(
        self, job: CompileJob, request: BuildRequest, record: RecordPointer | None, rerun: int
    ) -> Mapping[str, Any]:
        """Create the Job of one run, or find it; returns the Job.

        ``record`` is the keyboard's record, where there is one.

        Raises:
            NameTakenError: its name belongs to somebody else.
            StorageUnavailableError, ClusterError: nothing is lost, try again.
        """
        await self._requests.write_request(request.key, request.document)
        manifest = self._manifest(job, request, record, rerun)
        try:
            return await self._jobs.create_job(manifest)
        except ConflictError:
            return self._own(job, await self._jobs.read_job(job_name(job.name, rerun)))

    def _manifest(
        self, job: CompileJob, request: BuildRequest, record: RecordPointer | None, rerun: int
    ) -> dict[str, Any]:
        settings = self._settings
        timeout = job.spec.timeout_seconds
        deadline = deadline_seconds(
            timeout,
            settings.pod,
            infra_retries=settings.infra_retries,
            image_pull_seconds=settings.image_pull_seconds,
        )
        run = Run(timeout, deadline, _requested(job, rerun), admitted=self._clock())
        orders = make_orders(request, record, run, settings.pod, self._requests)
        limits = JobLimits(deadline, settings.infra_retries, settings.job_ttl_seconds)
        return job_manifest(job, rerun, orders, settings.pod, limits)

    def _own(self, job: CompileJob, body: Mapping[str, Any]) -> Mapping[str, Any]:
        metadata = body["metadata"]
        owners = [item for item in metadata.get("ownerReferences", ()) if item.get("controller")]
        owner = owners[0] if owners else {}
        namesake = owner.get("kind") == KIND and owner.get("name") == job.name
        if "deletionTimestamp" in metadata or (namesake and owner["uid"] != job.uid):
            # Left by an earlier CompileJob of this name, or deleted by hand: about to go.
            raise ClusterError(f"Job {metadata['name']} of an earlier run is still being deleted")
        if not namesake:
            raise NameTakenError(metadata["name"])
        return body


def _requested(job: CompileJob, rerun: int) -> datetime:
    """When a run was asked for; for a rerun, when that was taken up."""
    again = job.status.timestamps.queued if rerun else None
    return again or job.asked or job.created
