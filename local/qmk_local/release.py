"""The chart, installed on the local cluster with the images that were built here."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qmk_local.commands import run
from qmk_local.image_store import BuiltImage
from qmk_local.kubectl import Kubectl
from qmk_local.layout import HostLayout
from qmk_local.lock import exclusive
from qmk_local.progress import Progress
from qmk_local.settings import Settings
from qmk_local.up import Cluster

RELEASE = "qmk"
NAMESPACE = "qmk"
INSTALL_TIMEOUT_SECONDS = 240
UNDER_WAY = ("pending-install", "pending-upgrade", "pending-rollback")
#: Build pods must fit the strictest of the Pod Security Standards; the API server checks it.
NAMESPACE_LABELS = {"pod-security.kubernetes.io/enforce": "restricted"}


def external_url(layout: HostLayout) -> str:
    """Where the API answers on this machine."""
    return f"http://{layout.http_address}:{layout.http_port}"


def values(images: Mapping[str, BuiltImage], layout: HostLayout) -> dict[str, Any]:
    """Chart values for a machine of its own: local images, the API on a node port."""
    return {
        "externalUrl": external_url(layout),
        "images": {
            name.removeprefix("qmk-"): {"reference": image.reference, "digest": image.digest}
            for name, image in images.items()
        },
        "api": {"service": {"type": "NodePort", "nodePort": layout.node_port}},
    }


def install(
    settings: Settings, progress: Progress, cluster: Cluster, images: Mapping[str, BuiltImage]
) -> None:
    """Install or upgrade the release, and wait until all of it is ready.

    Raises:
        LocalError: the namespace or the release could not be made.
    """
    file = settings.local / "values.json"
    file.write_text(json.dumps(values(images, HostLayout()), indent=2))
    with exclusive(settings.local / "release.lock", "an installation", progress):
        _install(cluster, settings.clone / "charts/qmk-compile", file, progress)


def _install(cluster: Cluster, chart: Path, file: Path, progress: Progress) -> None:
    kubectl = Kubectl(cluster, NAMESPACE)
    namespace = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": NAMESPACE_LABELS},
    }
    with progress.step("Installing the chart"):
        kubectl.apply(namespace)
        # What an interrupted helm left under way would block every later one; the lock says that
        # nobody is at it now.
        selector = f"owner=helm,name={RELEASE},status in ({', '.join(UNDER_WAY)})"
        kubectl.delete_selected("secrets", selector)
        run(
            [
                cluster.helm,
                f"--kubeconfig={cluster.kubeconfig}",
                f"--kube-context={cluster.context}",
                "upgrade",
                "--install",
                RELEASE,
                chart,
                f"--namespace={NAMESPACE}",
                f"--values={file}",
                "--wait",
                f"--timeout={INSTALL_TIMEOUT_SECONDS}s",
            ],
            timeout_s=INSTALL_TIMEOUT_SECONDS + 30,
        )
