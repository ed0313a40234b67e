"""The programs of a native cluster: how each is started, and which of them run."""

import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from qmk_local import node, processes
from qmk_local.cgroups import ClusterCgroups
from qmk_local.control_plane import ControlPlane
from qmk_local.errors import LocalError
from qmk_local.go_programs import Programs
from qmk_local.layout import HostLayout
from qmk_local.processes import ProcessIdentity

# In the order of starting. The controller manager ends itself without an API server.
CONTROL_PLANE = ("etcd", "kube-apiserver")
AFTER_API = ("kube-controller-manager", "kube-scheduler", "kube-proxy", "coredns", "forward")
NODE = ("containerd", "kubelet")
ALL = ("containerd", *CONTROL_PLANE, *AFTER_API, "kubelet")
HEALTH_URLS = {
    "kubelet": "http://127.0.0.1:10248/healthz",
    "kube-proxy": "http://127.0.0.1:10256/livez",
    "CoreDNS": "http://127.0.0.1:10055/ready",
}


@dataclass(frozen=True)
class NativePrograms:
    """Starts and recognises the programs of one cluster."""

    layout: HostLayout
    programs: Programs
    containerd: Path
    logs: Path

    @property
    def control_plane(self) -> ControlPlane:
        """Addresses and files that the control plane's programs share."""
        layout = self.layout
        return ControlPlane(
            pki=layout.pki,
            data=layout.state / "etcd",
            api_address=layout.bridge_address,
            api_port=layout.api_port,
            etcd_port=layout.etcd_port,
            etcd_peer_port=layout.etcd_peer_port,
            service_cidr=layout.service_cidr,
        )

    def log(self, name: str) -> Path:
        """The program's log file."""
        return self.logs / f"{name}.log"

    def remove_logs(self) -> None:
        """Forget what the programs of an earlier cluster wrote."""
        for name in ALL:
            self.log(name).unlink(missing_ok=True)

    def running(self) -> dict[str, ProcessIdentity]:
        """Programs whose recorded process is alive."""
        return running(self.layout)

    def start(self, names: Sequence[str]) -> list[str]:
        """Start those of the programs that do not run; return their names."""
        running = self.running()
        started = [name for name in names if name not in running]
        groups = ClusterCgroups.of_this_machine(self.layout.cgroup)
        for name in started:
            processes.start(
                self._argv(name),
                log=self.log(name),
                record=record(self.layout, name),
                cgroup_procs=[groups.system_procs],
            )
        return started

    def check_running(self, names: Sequence[str]) -> None:
        """Raise `LocalError` naming the log of a program that has ended by itself."""
        running = self.running()
        for name in names:
            if name not in running:
                raise LocalError(f"{name} ended by itself: read {self.log(name)}.")

    def wait_healthy(self, *, timeout_s: float) -> None:
        """Wait until kubelet, kube-proxy and CoreDNS say that they are well.

        Raises `LocalError` naming the first that does not, and its log.
        """
        deadline = time.monotonic() + timeout_s
        for name, url in HEALTH_URLS.items():
            while not _answers_ok(url):
                self.check_running([name.lower()])
                if time.monotonic() > deadline:
                    raise LocalError(
                        f"{name} was not healthy after {timeout_s:.0f} s: read "
                        f"{self.log(name.lower())}."
                    )
                time.sleep(0.05)

    def _argv(self, name: str) -> list[str | Path]:
        layout = self.layout
        if name == "containerd":
            return [self.containerd, "--config", layout.config / "containerd.toml"]
        arguments: dict[str, Callable[[], list[str]]] = {
            "etcd": self.control_plane.etcd,
            "kube-apiserver": self.control_plane.kube_apiserver,
            "kube-controller-manager": self.control_plane.kube_controller_manager,
            "kube-scheduler": self.control_plane.kube_scheduler,
            "kubelet": lambda: node.kubelet_arguments(layout),
            "kube-proxy": lambda: [f"--config={layout.config / 'kube-proxy.json'}"],
            "coredns": lambda: ["-conf", str(layout.config / "Corefile")],
            "forward": lambda: [
                f"{layout.http_address}:{layout.http_port}",
                f"{layout.bridge_address}:{layout.node_port}",
            ],
        }
        return [self.programs.path(name), *arguments[name]()]


def running(layout: HostLayout) -> dict[str, ProcessIdentity]:
    """Programs of the cluster on this machine whose recorded process is alive."""
    found = {}
    for name in ALL:
        identity = processes.load(record(layout, name))
        if identity is not None and processes.is_alive(identity):
            found[name] = identity
    return found


def record(layout: HostLayout, name: str) -> Path:
    """The file that remembers the process of a program."""
    return layout.records / f"{name}.json"


def _answers_ok(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - http, loopback
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
