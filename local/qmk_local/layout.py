"""Where on this machine a native cluster lives, and which addresses it uses.

One host carries at most one native cluster, so the places are the host's and not the clone's: every
clone recognises what a cluster of another one left behind, and socket paths stay short.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class HostLayout:
    """Folders, names and addresses of the native cluster.

    Every address that something listens on is loopback or the bridge's own, which no other
    machine can reach without a route set by hand.
    """

    state: Path = Path("/var/lib/qmk-compile")
    run: Path = Path("/run/qmk-compile")
    lock: Path = Path("/run/lock/qmk-compile.lock")
    cgroup: str = "qmk-compile"
    bridge: str = "qmk-compile0"
    network: str = "qmk-compile"
    node: str = "qmk-local"
    bridge_address: str = "10.213.0.1"
    pod_cidr: str = "10.213.0.0/16"
    service_cidr: str = "10.214.0.0/16"
    dns_service_address: str = "10.214.0.10"
    api_port: int = 6443
    etcd_port: int = 12379
    etcd_peer_port: int = 12380
    dns_port: int = 1053
    node_port: int = 30080
    http_address: str = "127.0.0.1"
    http_port: int = 8080

    @property
    def owner(self) -> Path:
        """Names the clone whose cluster this is."""
        return self.state / "owner.json"

    @property
    def pki(self) -> Path:
        """Certificates, keys and kubeconfigs of the cluster's own programs."""
        return self.state / "pki"

    @property
    def config(self) -> Path:
        """Configuration files of the cluster's programs."""
        return self.state / "config"

    @property
    def containerd_socket(self) -> Path:
        """Where our containerd answers; the system's own is left alone."""
        return self.run / "containerd.sock"

    @property
    def containerd_state(self) -> Path:
        """Task bundles and network namespaces of running containers."""
        return self.run / "containerd"

    @property
    def records(self) -> Path:
        """One file for each program that was started."""
        return self.run / "programs"

    @property
    def pod_logs(self) -> Path:
        """What the containers write."""
        return self.state / "pod-logs"

    @property
    def api_url(self) -> str:
        """The API server, as seen from this machine and from pods."""
        return f"https://{self.bridge_address}:{self.api_port}"
