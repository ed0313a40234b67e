"""Whether this machine can carry a native cluster, said before anything is changed."""

import errno
import os
import shutil
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from qmk_local.errors import LocalError
from qmk_local.layout import HostLayout

GIB = 1024**3
CLUSTER_FREE_BYTES = 4 * GIB  # images unpacked, container layers, logs
BUILD_FREE_BYTES = 6 * GIB  # Go modules, Go's build cache, the programs
OTHER_KUBERNETES = ("kubelet", "kubelite", "k3s-server", "k3s-agent", "k0s")


@dataclass(frozen=True)
class Listener:
    """An address that one of the cluster's programs will listen on."""

    address: str
    port: int
    purpose: str


def listeners(layout: HostLayout) -> list[Listener]:
    """Every address that the cluster listens on."""
    loopback, bridge = "127.0.0.1", layout.bridge_address
    return [
        Listener(layout.http_address, layout.http_port, "the HTTP API"),
        Listener(loopback, layout.etcd_port, "etcd"),
        Listener(loopback, layout.etcd_peer_port, "etcd's peers"),
        Listener(bridge, layout.api_port, "kube-apiserver"),
        Listener(loopback, 10257, "kube-controller-manager"),
        Listener(loopback, 10259, "kube-scheduler"),
        Listener(loopback, 10248, "the kubelet's health"),
        Listener(bridge, 10250, "the kubelet"),
        Listener(loopback, 10249, "kube-proxy's metrics"),
        Listener(loopback, 10256, "kube-proxy's health"),
        Listener(bridge, layout.dns_port, "CoreDNS"),
        Listener(loopback, 10054, "CoreDNS's health"),
        Listener(loopback, 10055, "CoreDNS's readiness"),
    ]


def check_root() -> None:
    """Raise `LocalError` unless this process may make bridges, mounts and control groups."""
    if os.geteuid() != 0:
        raise LocalError(
            "A native cluster makes mounts, network interfaces and control groups, and this is not "
            "root: run it as root (`sudo make up`), or install Docker and use BACKEND=kind."
        )


def check_ports(wanted: Iterable[Listener]) -> None:
    """Raise `LocalError` naming the first port that somebody else listens on."""
    for listener in wanted:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((listener.address, listener.port))
            except OSError as error:
                if error.errno == errno.EADDRINUSE:
                    raise LocalError(_port_taken(listener)) from error
                if error.errno != errno.EADDRNOTAVAIL:  # the bridge may not be there yet
                    raise


def _port_taken(listener: Listener) -> str:
    return (
        f"Port {listener.port} on {listener.address}, which {listener.purpose} needs, is taken: "
        f"find it with `ss -ltnp 'sport = :{listener.port}'`, end that program and try again."
    )


def check_disk(folder: Path, needed_bytes: int, purpose: str) -> None:
    """Raise `LocalError` if the disk of `folder` is nearly full."""
    place = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(place).free
    if free < needed_bytes:
        raise LocalError(
            f"The disk of {place} has {free / GIB:.1f} GiB left and {purpose} needs "
            f"{needed_bytes / GIB:.0f} GiB: free some space and try again."
        )


def check_alone(own_pids: Sequence[int]) -> None:
    """Raise `LocalError` if another Kubernetes runs directly on this machine.

    Nodes of kind run in network namespaces of their own and are no hindrance.
    """
    own_network = Path("/proc/self/ns/net").readlink()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) in own_pids:
            continue
        try:
            name = (folder / "comm").read_text().strip()
            same_network = (folder / "ns/net").readlink() == own_network
        except OSError:  # it has ended
            continue
        if name in OTHER_KUBERNETES and same_network:
            raise LocalError(
                f"Another Kubernetes runs on this machine ({name}, process {folder.name}), and two "
                "would overwrite each other's packet filter: stop it, or use BACKEND=kind."
            )
