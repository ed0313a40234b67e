"""A cluster of kind, in a Docker engine."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from qmk_local import client_tools
from qmk_local.commands import CommandFailed, run
from qmk_local.errors import LocalError
from qmk_local.host_check import Listener, check_ports
from qmk_local.layout import HostLayout
from qmk_local.progress import Progress
from qmk_local.settings import Settings

NAME = "qmk"
CONTEXT = "kind-qmk"
NODE_CONTAINER = "qmk-control-plane"
QUICK_TIMEOUT_SECONDS = 30.0
CREATE_TIMEOUT_SECONDS = 900.0  # the node image may have to be pulled first
LOAD_TIMEOUT_SECONDS = 600.0
CONTROLLER_ARGUMENTS = ("--kube-api-qps=100", "--kube-api-burst=200", "--concurrent-job-syncs=20")


@dataclass(frozen=True)
class KindCluster:
    """One clone's view of the cluster of kind in this user's Docker engine."""

    settings: Settings
    progress: Progress
    layout: HostLayout = field(default_factory=HostLayout)

    context = CONTEXT

    @classmethod
    def prepare(cls, settings: Settings, progress: Progress, layout: HostLayout) -> "KindCluster":
        """Find or build the programs. Raises `LocalError` if another clone's cluster is there."""
        cluster = cls(settings, progress, layout)
        client_tools.ensure(settings, progress)
        other = cluster._owner()
        if other is not None and cluster._exists() and Path(other) != settings.clone:
            raise LocalError(
                f"The kind cluster of {other} is there, and there is room for one: use that one, "
                f"or end it with `make -C {other} down` (or `kind delete cluster --name {NAME}`)."
            )
        return cluster

    def is_running(self) -> bool:
        """Whether the cluster answers with a Ready node."""
        return self._exists() and self.settings.kubeconfig.is_file() and self._node_is_ready()

    def start(self) -> None:
        """Create the cluster, or create it anew where it does not answer. Raises `LocalError`."""
        if self._exists():
            if not self._owner_file.is_file():
                raise LocalError(
                    f"There is a kind cluster named {NAME} that was not made here: end it with "
                    f"`kind delete cluster --name {NAME}` if nobody needs it, and try again."
                )
            with self.progress.step("Removing a kind cluster that does not answer"):
                self._kind(
                    *("delete", "cluster", "--name", NAME),
                    *("--kubeconfig", str(self.settings.kubeconfig)),
                    timeout_s=120,
                )
        layout = self.layout
        check_ports([Listener(layout.http_address, layout.http_port, "the HTTP API")])
        self._owner_file.parent.mkdir(parents=True, exist_ok=True)
        self._owner_file.write_text(str(self.settings.clone))
        image = self.settings.kind_node_image
        with self.progress.step("Creating the kind cluster") as step:
            step.update("pulling the node image if it is not there, starting the node")
            self._kind(
                *("create", "cluster", "--name", NAME, "--wait", "180s"),
                *("--config", str(self.settings.clone / "kind-config.yaml")),
                *("--kubeconfig", str(self.settings.kubeconfig)),
                *(("--image", image) if image else ()),
                timeout_s=CREATE_TIMEOUT_SECONDS,
            )
        self._check_controller_manager()

    def load_image(self, archive: Path) -> None:
        """Load the image of an OCI archive. Raises `CommandFailed`."""
        self._kind(
            "load", "image-archive", str(archive), "--name", NAME, timeout_s=LOAD_TIMEOUT_SECONDS
        )

    def references(self) -> set[str]:
        """Names of the images on the node."""
        listing = run(
            [
                "docker",
                "exec",
                NODE_CONTAINER,
                "ctr",
                "--namespace",
                "k8s.io",
                "images",
                "ls",
                "--quiet",
            ],
            timeout_s=QUICK_TIMEOUT_SECONDS,
        )
        return set(listing.split())

    @property
    def _owner_file(self) -> Path:
        return self.settings.cache / "kind-owner"

    def _owner(self) -> str | None:
        return self._owner_file.read_text() if self._owner_file.is_file() else None

    def _exists(self) -> bool:
        return NAME in self._kind("get", "clusters", timeout_s=QUICK_TIMEOUT_SECONDS).split()

    def _node_is_ready(self) -> bool:
        try:
            nodes = json.loads(self._kubectl("get", "nodes", "--output=json"))
        except CommandFailed:
            return False
        return bool(nodes["items"]) and all(
            any(item["type"] == "Ready" and item["status"] == "True" for item in conditions)
            for conditions in (node["status"]["conditions"] for node in nodes["items"])
        )

    def _check_controller_manager(self) -> None:
        """A patch of the wrong form is dropped without a word: so look at the real arguments."""
        pods = self._kubectl(
            *("get", "pods", "--namespace=kube-system", "--output=json"),
            "--selector=component=kube-controller-manager",
        )
        arguments = json.loads(pods)["items"][0]["spec"]["containers"][0]["command"]
        absent = [argument for argument in CONTROLLER_ARGUMENTS if argument not in arguments]
        if absent:
            raise LocalError(
                f"The controller manager runs without {' '.join(absent)}: kind-config.yaml does "
                "not fit the Kubernetes version of the node image; set KIND_NODE_IMAGE to another."
            )

    def _kubectl(self, *words: str) -> str:
        kubectl = self.settings.bin / "kubectl"
        argv: list[str | Path] = [
            kubectl,
            "--kubeconfig",
            self.settings.kubeconfig,
            "--request-timeout=10s",
            *words,
        ]
        return run(argv, timeout_s=QUICK_TIMEOUT_SECONDS)

    def _kind(self, *words: str, timeout_s: float) -> str:
        return run([self.settings.bin / "kind", *words], timeout_s=timeout_s)


def answers(settings: Settings, progress: Progress) -> bool:
    """Whether this clone's cluster of kind is up, found out without making anything."""
    if not (settings.bin / "kind").exists() or not (settings.bin / "kubectl").exists():
        return False
    return KindCluster(settings, progress).is_running()


def is_ours(settings: Settings) -> bool:
    """Whether `down` here has a cluster of kind to delete: this clone's, or that of a gone one."""
    owner_file = settings.cache / "kind-owner"
    if not owner_file.is_file():
        return False
    clone = Path(owner_file.read_text())
    return clone == settings.clone or not clone.is_dir()


def down(settings: Settings, progress: Progress) -> None:
    """Delete the cluster of kind if it is ours; idempotent. Raises `LocalError`."""
    if not is_ours(settings):
        return
    client_tools.ensure(settings, progress)
    with progress.step("Deleting the kind cluster"):
        run(
            [
                *(settings.bin / "kind", "delete", "cluster", "--name", NAME),
                *("--kubeconfig", settings.kubeconfig),
            ],
            timeout_s=120,
        )
    (settings.cache / "kind-owner").unlink()
    settings.kubeconfig.unlink(missing_ok=True)
