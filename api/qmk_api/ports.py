"""What the API needs of the world: CompileJobs, stored objects, a cache; and how each may fail."""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from qmk_api.compiling.fair_use import Kind
from qmk_contract.compile_job import CompileJob, CompileJobSpec
from qmk_contract.discord_message import Severity


class Unavailable(Exception):
    """Something that the service needs is away for now. The text is for the public.

    ``retry_after`` is in how many seconds it may be there again, where that is known.
    """

    retry_after: float | None = None


class StorageUnavailable(Unavailable):
    """S3 did not answer, or not in a way that can be used."""

    def __init__(self, message: str = "storage is unavailable, try again shortly") -> None:
        super().__init__(message)


class DamagedMetadata(StorageUnavailable):
    """S3 answered, but what a published tree says of itself cannot be used."""

    def __init__(self) -> None:
        super().__init__("the published firmware's metadata cannot be read")


class KubernetesUnavailable(Unavailable):
    """The Kubernetes API did not answer, or refused us."""

    def __init__(self, message: str = "the cluster is unavailable, try again shortly") -> None:
        super().__init__(message)


class GistsUnavailable(Unavailable):
    """GitHub did not answer, or not in a way that can be used, or wants no more of our calls."""

    def __init__(self, *, retry_after: float | None = None) -> None:
        super().__init__("GitHub is unavailable, try again later")
        self.retry_after = retry_after


class UnfitGist(Exception):
    """A gist that holds no layout to be read. The text is for the public."""


class AlreadyExists(Exception):
    """There is a CompileJob of that name."""


class Conflict(Exception):
    """The CompileJob changed since it was read, or is gone."""


class Repeated(Exception):
    """This delivery was handled already, or is being handled."""


class Refused(Exception):
    """The API server refused a CompileJob by its schema. The text names the fields."""


class Jobs(Protocol):
    """The CompileJobs of one namespace."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def check(self) -> None:
        """Raises KubernetesUnavailable where CompileJobs cannot be read now."""

    def known(self, name: str) -> CompileJob | None:
        """A CompileJob as last seen, without I/O and without its keymap.

        None means not known: not that there is none.
        """

    def all_known(self) -> Collection[CompileJob]:
        """All CompileJobs as last seen, without I/O and without their keymaps."""

    @property
    def changes(self) -> int:
        """A number that is another one once anything of ``all_known`` has changed."""

    async def get(self, name: str) -> CompileJob | None:
        """Read a CompileJob; one that is being deleted counts as gone."""

    async def create(self, name: str, spec: CompileJobSpec) -> CompileJob:
        """Create a CompileJob; raises AlreadyExists or Refused."""

    async def ask_rerun(self, job: CompileJob) -> CompileJob:
        """Ask for another run of a job as it was read; raises Conflict if it changed since."""


class PodLogs(Protocol):
    """What build containers print. Both raise KubernetesUnavailable where it cannot be read now."""

    def follow(self, pod: str) -> AsyncGenerator[bytes, None]:
        """All that a pod prints, from its start on, as it comes; ends when the pod does.

        Closing the generator ends the reading at once.
        """

    async def read(self, pod: str) -> bytes:
        """What a pod has printed so far."""

    async def close(self) -> None: ...


class StoredObject(Protocol):
    """An object in storage, or a part of one, open for reading.

    ``size`` is in bytes: of what will be read; ``whole`` of the whole object.
    """

    size: int
    whole: int
    etag: str | None

    def chunks(self) -> AsyncIterator[bytes]:
        """The content, piece by piece; raises StorageUnavailable."""

    def close(self) -> None: ...


class Artifacts(Protocol):
    """Objects of the S3 layout. All raise StorageUnavailable."""

    async def read(self, key: str, bytes_max: int) -> bytes | None:
        """At most ``bytes_max`` bytes of an object; None if there is none."""

    async def open(self, key: str, part: tuple[int, int] | None = None) -> StoredObject | None:
        """An object to stream; None if there is none. The caller closes it.

        ``part`` is the first and the last byte's position; the last may lie behind the end.
        """

    async def list(self, prefix: str) -> Mapping[str, str]:
        """ETags of all objects by key whose keys begin so."""

    async def write(self, key: str, content: bytes, content_type: str) -> None:
        """Store an object."""

    def close(self) -> None: ...


class Cache(Protocol):
    """Copies of published objects, shared by all replicas. Never raises; may always be empty."""

    async def get(self, key: str) -> bytes | None: ...

    async def set(self, key: str, value: bytes) -> None: ...

    async def check(self) -> bool:
        """Whether the cache is in use, after trying it again if it was not."""

    async def close(self) -> None: ...


class Rates(Protocol):
    """How often each client asks. Never fails: counts are approximate where it must be."""

    async def check(self, kind: Kind, client: str) -> None:
        """Count a request; raises TooManyRequests."""


class UsageCounts(Protocol):
    """How often keymaps of each keyboard are compiled. Never raises; may always be empty."""

    async def count(self, keyboard: str) -> None:
        """Count an accepted request."""

    async def keyboards(self, days: int) -> Mapping[str, int]:
        """Accepted requests of the last days by keyboard; today counts as one day."""


class Deliveries(Protocol):
    """Deliveries of webhooks, each to be handled once. Never fails, and forgets at worst."""

    def handling(self, *names: str) -> AbstractAsyncContextManager[None]:
        """Around the handling of a delivery, known by any of its names; raises Repeated.

        A delivery whose handling raises is forgotten, so that it can be made again.
        """


class Refreshes(Protocol):
    """Publications of firmware. Never fails: what is asked for is noted in storage anyway."""

    async def start(self, channels: Collection[str]) -> None:
        """Let one of each channel begin now, unless one of it waits or runs."""


class Chat(Protocol):
    """Where people read what goes on. Never fails, and nobody waits for it."""

    def post(self, severity: Severity, text: str) -> None: ...

    def running(self) -> AbstractAsyncContextManager[None]:
        """Open for as long as messages are sent."""


class Gists(Protocol):
    """What people keep as gists."""

    async def read(self, gist: str) -> str | None:
        """The layout in a gist, by id; None if there is no such gist.

        Raises UnfitGist or GistsUnavailable.
        """

    def running(self) -> AbstractAsyncContextManager[None]:
        """Open for as long as gists are read."""


@dataclass(frozen=True)
class Ports:
    """All that one process stands on."""

    jobs: Jobs
    stored: Artifacts
    cache: Cache
    rates: Rates
    deliveries: Deliveries
    refreshes: Refreshes
    chat: Chat
    usage: UsageCounts
    logs: PodLogs
    gists: Gists
