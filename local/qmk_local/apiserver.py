"""An API server by itself: etcd and kube-apiserver on free ports, without root or a node."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qmk_local import pki, processes
from qmk_local.api_client import ApiClient
from qmk_local.commands import find
from qmk_local.control_plane import ControlPlane
from qmk_local.errors import LocalError
from qmk_local.go_programs import Programs, kubernetes_version
from qmk_local.settings import CLONE, Settings

READY_TIMEOUT_SECONDS = 60.0
LOOPBACK = "127.0.0.1"
# kubeadm refuses loopback as a cluster's address; this one is for documentation and never used.
CERTIFICATE_ADDRESS = "192.0.2.1"
ETCD, API_SERVER = "etcd", "kube-apiserver"


@dataclass(frozen=True)
class RunningApiServer:
    """A running pair of etcd and kube-apiserver; all it has lies in `state`."""

    state: Path
    kubeconfig: Path
    url: str
    client: ApiClient
    _programs: Programs
    _plan: ControlPlane
    _wrapper: Sequence[str]

    def stop(self) -> None:
        """End both programs; the files stay."""
        self._end(API_SERVER)
        self._end(ETCD)

    def stop_api_server(self) -> None:
        """End the API server at once and keep etcd, as an outage looks to clients."""
        self._end(API_SERVER)

    def start_api_server(self) -> None:
        """Start it again on the same port with the same objects, and wait until it is ready.

        Its watch cache is empty then: a watch from an older resource version gets `410 Gone`.
        Raises `LocalError` naming the log to read.
        """
        self._start(API_SERVER, self._plan.kube_apiserver())
        self.client.wait_ready(timeout_s=READY_TIMEOUT_SECONDS, log=str(self._log(API_SERVER)))

    def restart_api_server(self) -> None:
        """An outage that is as short as it gets."""
        self.stop_api_server()
        self.start_api_server()

    def _start(self, name: str, arguments: list[str]) -> None:
        processes.start(
            [*self._wrapper, self._programs.path(name), *arguments],
            log=self._log(name),
            record=self._record(name),
        )

    def _end(self, name: str) -> None:
        identity = processes.load(self._record(name))
        if identity is not None:
            processes.end([identity], grace_s=0)

    def _record(self, name: str) -> Path:
        return self.state / f"{name}.json"

    def _log(self, name: str) -> Path:
        return self.state / f"{name}.log"


def start(
    state: Path, programs: Programs, settings: Settings, *, context: str = "local-qmk-test"
) -> RunningApiServer:
    """Start etcd and kube-apiserver below the empty folder `state` and wait until they are ready.

    Where `setpriv` is there, both end with the thread that called this, even if it is killed.
    Raises `LocalError` naming the log to read.
    """
    plan = _plan(state)
    request = pki.PkiRequest(
        kubernetes_version=kubernetes_version((CLONE / "local/go.mod").read_text()),
        advertise_address=CERTIFICATE_ADDRESS,
        api_port=plan.api_port,
        service_cidr=plan.service_cidr,
        node="none",
    )
    pki.create(programs.path("kubeadm"), plan.pki, request)
    admin = (plan.pki / "super-admin.conf").read_text()
    url = f"https://{LOOPBACK}:{plan.api_port}"
    kubeconfig = state / "kubeconfig"
    kubeconfig.touch(mode=0o600)
    kubeconfig.write_text(pki.user_kubeconfig(admin, context, url))
    setpriv = find("setpriv", settings.command_path)
    running = RunningApiServer(
        state=state,
        kubeconfig=kubeconfig,
        url=url,
        client=ApiClient(url, pki.unpack_client(admin, plan.pki)),
        _programs=programs,
        _plan=plan,
        _wrapper=[str(setpriv), "--pdeathsig", "KILL", "--"] if setpriv else [],
    )
    try:
        running._start(ETCD, plan.etcd())
        running.start_api_server()
    except LocalError:
        running.stop()
        raise
    return running


def _plan(state: Path) -> ControlPlane:
    api_port, etcd_port, etcd_peer_port = _free_ports(3)
    return ControlPlane(
        pki=state / "pki",
        data=state / "etcd",
        api_address=LOOPBACK,
        api_port=api_port,
        etcd_port=etcd_port,
        etcd_peer_port=etcd_peer_port,
        service_cidr="10.214.0.0/16",
    )


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listened on a moment ago, all different."""
    probes = [socket.socket(socket.AF_INET, socket.SOCK_STREAM) for _ in range(count)]
    try:
        for probe in probes:
            probe.bind((LOOPBACK, 0))
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
