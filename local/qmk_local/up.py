"""`make up`, `make down` and `make status`, whatever the cluster is made of."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from qmk_local import docker, host_check, kind, native, native_down
from qmk_local.layout import HostLayout
from qmk_local.lock import exclusive
from qmk_local.progress import Progress
from qmk_local.settings import Backend, Settings


class Image(Protocol):
    """An image that was built on this machine."""

    @property
    def reference(self) -> str:
        """The name that pods use."""

    @property
    def archive(self) -> Path:
        """The OCI archive that holds it."""


CONTROL_GROUPS = Path("/sys/fs/cgroup")  # a native cluster needs Linux
LOADS_AT_ONCE = 2  # unpacking is the processor's work in the main
BuildImages = Callable[[Settings, Progress, Backend], Mapping[str, Image]]


class Backing(Protocol):
    """What a cluster is made of."""

    context: str

    def is_running(self) -> bool:
        """Whether nothing is left to do but loading images."""

    def start(self) -> None:
        """Make, repair or complete the cluster. Raises `LocalError`."""

    def references(self) -> set[str]:
        """Names of the images that pods can use now."""

    def load_image(self, archive: Path) -> None:
        """Load the image of an OCI archive. Raises `LocalError`."""


@dataclass(frozen=True)
class Cluster:
    """A cluster that is up."""

    context: str
    kubeconfig: Path
    kubectl: Path
    helm: Path


def choose(settings: Settings, progress: Progress) -> Backend:
    """`BACKEND` where given; else what is up, kind where a Docker engine answers, native elsewhere.

    Raises `LocalError` where kind was asked for without an engine.
    """
    if settings.backend == "native" or (settings.backend is None and _native_is_ours(settings)):
        return "native"
    engine = docker.probe(settings.command_path)
    if settings.backend == "kind":
        docker.require(engine)
        return "kind"
    if engine.works:
        return "kind"
    progress.note(f"Native cluster: {engine.finding}.")
    return "native"


def up(settings: Settings, progress: Progress, build_images: BuildImages) -> Cluster:
    """Bring the cluster up with all images loaded; a no-op where that is so already.

    Raises `LocalError`.
    """
    layout = HostLayout()
    backend = choose(settings, progress)
    if backend == "native":
        host_check.check_root()
    with exclusive(_lock(backend, settings, layout), f"`up` in {settings.clone}", progress):
        backing = _prepare(backend, settings, progress, layout)
        if backing.is_running():
            progress.note(f"The cluster is up (context {backing.context}).")
        else:
            # Takes seconds, and says what stands in its way before the images are built.
            backing.start()
        _load_images(backing, build_images(settings, progress, backend), progress)
    return Cluster(
        context=backing.context,
        kubeconfig=settings.kubeconfig,
        kubectl=settings.bin / "kubectl",
        helm=settings.bin / "helm",
    )


def down(settings: Settings, progress: Progress) -> None:
    """Remove this clone's cluster of either kind; idempotent. Raises `LocalError`."""
    layout = HostLayout()
    if settings.backend != "kind" and CONTROL_GROUPS.is_dir():
        native_down.down(settings, layout, progress)
    if settings.backend != "native" and kind.is_ours(settings):
        docker.require(docker.probe(settings.command_path))
        with exclusive(_lock("kind", settings, layout), f"`down` in {settings.clone}", progress):
            kind.down(settings, progress)


def _native_is_ours(settings: Settings) -> bool:
    record = native_down.living_owner(HostLayout())
    return record is not None and record.is_clone(settings.clone)


def _prepare(
    backend: Backend, settings: Settings, progress: Progress, layout: HostLayout
) -> Backing:
    if backend == "kind":
        return kind.KindCluster.prepare(settings, progress, layout)
    return native.NativeCluster.prepare(settings, progress, layout)


def _load_images(backing: Backing, built: Mapping[str, Image], progress: Progress) -> None:
    there = backing.references()
    missing = {name: image for name, image in built.items() if image.reference not in there}

    def load(name: str, image: Image) -> None:
        with progress.step(f"Loading image {name}"):
            backing.load_image(image.archive)

    with ThreadPoolExecutor(max_workers=LOADS_AT_ONCE) as pool:
        loading = [pool.submit(load, name, image) for name, image in missing.items()]
    for task in loading:
        task.result()


def _lock(backend: Backend, settings: Settings, layout: HostLayout) -> Path:
    """The host has room for one native cluster, a user's Docker engine for one of kind."""
    return layout.lock if backend == "native" else settings.cache / "kind.lock"
