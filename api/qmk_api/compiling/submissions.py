"""From a checked request to a build that is stored, under way, or newly asked for."""

import logging
from dataclasses import dataclass

from qmk_api.compiling.admissions import Admissions
from qmk_api.compiling.builds import Builds
from qmk_api.compiling.compile_request import CompileRequest
from qmk_api.compiling.fair_use import TooManyRequests
from qmk_api.compiling.queue_view import phase
from qmk_api.keyboards.catalog import Catalog
from qmk_api.ports import (
    AlreadyExists,
    Conflict,
    Jobs,
    KubernetesUnavailable,
    StorageUnavailable,
)
from qmk_api.settings import Settings
from qmk_api.single_flight import SingleFlight
from qmk_contract.build_key import JobId, build_key
from qmk_contract.compile_job import CompileJobSpec
from qmk_contract.errors import RequestError
from qmk_contract.phases import Reason
from qmk_contract.snapshot import Channel

#: A job that vanishes or changes between two calls is looked at again this often.
_ATTEMPTS = 4
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Submission:
    """An accepted request: the id to poll with, and the keyboard by its current name.

    ``cached`` says that the result was there already.
    """

    job_id: JobId
    keyboard: str
    cached: bool


class Submissions:
    """Makes sure that each build is asked for exactly once, whoever asks, however often."""

    def __init__(
        self,
        settings: Settings,
        jobs: Jobs,
        catalog: Catalog,
        builds: Builds,
        admissions: Admissions,
    ) -> None:
        self._settings = settings
        self._jobs = jobs
        self._catalog = catalog
        self._builds = builds
        self._admissions = admissions
        self._asking: SingleFlight[bool] = SingleFlight()

    async def submit(self, request: CompileRequest, client: str) -> Submission:
        """Have a keymap compiled, or join or find the same build.

        Raises:
            RequestError: unknown channel, keyboard or layout, or a layer of another length.
            Unavailable: storage or the cluster is away; nothing was created.
            Refused: the API server does not take the keymap.
            TooManyRequests: a job would have to be created, and no more may wait.
        """
        channel = await self._channel(request.channel)
        keyboard = await self._catalog.keyboard(channel.commit, request.keyboard)
        keymap = keyboard.check(request.keymap)
        key = build_key(
            firmware_commit=channel.commit,
            toolchain_digest=self._settings.toolchain_digest,
            keyboard=keyboard.name,
            keymap=keymap,
            keymap_name=request.keymap_name,
        )
        cached = self._builds.remembered(key) is not None
        if not cached:
            spec = CompileJobSpec(
                keyboard=keyboard.name,
                keymap=keymap.to_body(),
                keymap_name=request.keymap_name,
                channel=channel.channel,
                firmware_commit=channel.commit,
                client=client,
                timeout_seconds=self._settings.compile_timeout_seconds,
                ttl_seconds_after_finished=self._settings.compile_job_ttl_seconds,
            )
            # By client, so that nobody is refused for another one's bound.
            cached = await self._asking.do(f"{key}/{client}", lambda: self._ask(key, spec))
        return Submission(JobId(key, request.keymap_name), keyboard.name, cached)

    async def _channel(self, name: str | None) -> Channel:
        channel = await self._catalog.channel(name or self._settings.default_channel)
        if channel is not None:
            return channel
        if name is None or name == self._settings.default_channel:
            raise StorageUnavailable("no firmware is published yet, try again shortly")
        raise RequestError(Reason.UNKNOWN_CHANNEL, f"no such firmware channel: {name}")

    async def _ask(self, key: str, spec: CompileJobSpec) -> bool:
        """Whether the result is there already; if not, its job is."""
        known = self._jobs.known(key)
        if known is not None and not phase(known).final:
            return False
        if await self._builds.find(key) is not None:
            return True
        for _ in range(_ATTEMPTS):
            if await self._created_or_joined(key, spec):
                return False
        raise KubernetesUnavailable("an older job of this build is being removed, try again")

    async def _created_or_joined(self, key: str, spec: CompileJobSpec) -> bool:
        """False where the job changed under our hands: look again."""
        try:
            with self._admissions.one_more(spec.client):
                await self._jobs.create(key, spec)
        except AlreadyExists:
            return await self._joined(key, spec.client)
        except TooManyRequests:
            if await self._joined(key, spec.client):
                return True
            raise
        log.info("created CompileJob %s for %s", key, spec.keyboard)
        return True

    async def _joined(self, key: str, client: str) -> bool:
        job = await self._jobs.get(key)
        if job is None:
            return False
        if not phase(job).final:
            return True
        # Its result may have come since we looked, or lie under the operator's own key while an
        # upgrade of the toolchain has reached the operator only.
        if await self._builds.find_now(job.status.build_key or key) is not None:
            return True
        try:
            with self._admissions.one_more(client):
                await self._jobs.ask_rerun(job)
        except Conflict:
            return False
        log.info("asked for rerun %d of CompileJob %s", job.status.rerun + 1, key)
        return True
