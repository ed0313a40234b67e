"""Where a job is: from memory, from the watched CompileJobs, from S3, from Kubernetes."""

import asyncio
from collections.abc import Mapping
from typing import Any

from qmk_api.compiling.builds import Builds
from qmk_api.compiling.queue_view import Queue, phase
from qmk_api.compiling.states import Ended, Open, State, StoredBuild
from qmk_api.ports import Jobs, StorageUnavailable
from qmk_contract.build_key import request_document
from qmk_contract.compile_job import CompileJob
from qmk_contract.errors import RequestError
from qmk_contract.keymap import normalise_keymap
from qmk_contract.phases import Phase


class Lookup:
    """Answers a poll at the least cost: nothing is asked of S3 for a job that still waits."""

    def __init__(self, jobs: Jobs, builds: Builds, queue: Queue) -> None:
        self._jobs = jobs
        self._builds = builds
        self._queue = queue

    async def find(self, key: str) -> State | None:
        """The state of the job of a build key; None if there is no such job and no result.

        Raises:
            Unavailable: what would tell the state is away.
        """
        if (build := self._builds.remembered(key)) is not None:
            return build
        job = self._jobs.known(key)
        if job is not None and phase(job) in (Phase.PENDING, Phase.QUEUED):
            return self._open(job)
        away: StorageUnavailable | None = None
        try:
            if (build := await self._builds.find(key)) is not None:
                return build
        except StorageUnavailable as error:
            away = error
        if job is None:
            job = await self._jobs.get(key)
        if job is not None and not phase(job).final:
            return self._open(job)
        if away is not None:
            raise away
        return None if job is None else await self._ended(key, job)

    async def request(self, key: str) -> Mapping[str, Any] | None:
        """The keymap document of a job, whether it ended or not; None if there is none.

        Raises:
            Unavailable
        """
        state = await self.find(key)
        if isinstance(state, Open):
            job = await self._jobs.get(key)
            return None if job is None else _document(job)
        return state.request if state is not None and state.request else None

    def _open(self, job: CompileJob) -> Open:
        at = phase(job)
        position, eta_seconds = (None, None) if at is Phase.RUNNING else self._queue.place(job)
        return Open(job, at, position, self._queue.view().length, eta_seconds)

    async def _ended(self, key: str, job: CompileJob) -> StoredBuild | Ended:
        stored_as = job.status.build_key or key
        # The result may have come between the look before and the end of the job.
        build = self._builds.remembered(stored_as) or await self._builds.find_now(stored_as)
        if build is not None:
            return build
        log, request = await asyncio.gather(
            self._builds.failed_log(stored_as), self._builds.request(stored_as)
        )
        if request is None:
            whole = await self._jobs.get(key)
            request = None if whole is None else _document(whole)
        return Ended(job, log or "", request or {})


def _document(job: CompileJob) -> Mapping[str, Any] | None:
    try:
        keymap = normalise_keymap(job.spec.keymap)
    except RequestError:
        return None
    return request_document(job.spec.keyboard, keymap, job.spec.keymap_name)
