"""The native cluster: the programs of Kubernetes started on this machine itself."""

import socket
import time
from dataclasses import dataclass
from pathlib import Path

from qmk_local import (
    bootstrap,
    go_programs,
    host_check,
    native_programs,
    network,
    owner,
    packages,
    pki,
    processes,
    residue,
)
from qmk_local.api_client import ApiClient
from qmk_local.commands import CommandFailed, find
from qmk_local.containerd import ImageStore
from qmk_local.errors import LocalError
from qmk_local.go_programs import Programs
from qmk_local.layout import HostLayout
from qmk_local.native_down import refuse_foreign
from qmk_local.native_machine import NativeMachine
from qmk_local.native_programs import NativePrograms
from qmk_local.owner import Owner
from qmk_local.progress import Progress
from qmk_local.settings import Settings

CONTEXT = "local-qmk"
CONTAINERD_TIMEOUT_SECONDS = 30.0
API_TIMEOUT_SECONDS = 60.0
NODE_TIMEOUT_SECONDS = 90.0


@dataclass(frozen=True)
class NativeCluster:
    """One clone's view of the native cluster of this machine."""

    settings: Settings
    layout: HostLayout
    progress: Progress
    programs: Programs
    native: NativePrograms
    machine: NativeMachine
    ctr: Path

    context = CONTEXT

    @classmethod
    def prepare(cls, settings: Settings, progress: Progress, layout: HostLayout) -> "NativeCluster":
        """Check the machine, install what is missing, build the programs.

        Raises `LocalError` saying what stands in the way.
        """
        host_check.check_root()
        refuse_foreign(layout, settings.clone)
        packages.ensure(packages.missing(settings.command_path), progress)
        host_check.check_disk(
            layout.state, host_check.CLUSTER_FREE_BYTES, "a cluster with its images"
        )
        programs = go_programs.build(("cluster", "pause"), settings, progress)
        return cls(
            settings=settings,
            layout=layout,
            progress=progress,
            programs=programs,
            native=NativePrograms(
                layout, programs, _require("containerd", settings.command_path), settings.logs
            ),
            machine=NativeMachine(
                layout, programs, packages.require_cni_folder(), settings.clone / "local/go.mod"
            ),
            ctr=_require("ctr", settings.command_path),
        )

    def is_running(self) -> bool:
        """Whether all programs run and the node is ready: nothing is left to do for `up`."""
        record = owner.load(self.layout.owner)
        if record is None or record.stage != "ready" or record.programs_key != self.programs.key:
            return False
        if len(self.native.running()) != len(native_programs.ALL):
            return False
        try:
            self.native.wait_healthy(timeout_s=2)
            return self._api.node_is_ready(self.layout.node) and self._admits_connections()
        except LocalError:
            return False

    def start(self) -> None:
        """Repair the cluster if it can be repaired, else make it anew."""
        if self._can_repair():
            try:
                self._repair()
                return
            except LocalError as error:
                self.progress.note(f"The cluster could not be repaired and is made anew: {error}")
        left = residue.find(self.layout)
        if left:
            with self.progress.step("Cleaning what a cluster left") as step:
                residue.remove(self.layout, step.update)
                step.finish_as(str(left))
        self._create()

    def _wait_containerd(self) -> None:
        deadline = time.monotonic() + CONTAINERD_TIMEOUT_SECONDS
        while True:
            try:
                self._store.references()
                return
            except CommandFailed as error:
                if time.monotonic() > deadline:
                    raise LocalError(
                        f"containerd did not answer within {CONTAINERD_TIMEOUT_SECONDS:.0f} s: "
                        f"read {self.native.log('containerd')}."
                    ) from error
            time.sleep(0.1)

    def load_image(self, archive: Path) -> None:
        """Load the image of an OCI archive. Raises `CommandFailed`."""
        self._store.load(archive)

    def references(self) -> set[str]:
        """Names of the images in our containerd."""
        return self._store.references()

    @property
    def _store(self) -> ImageStore:
        return ImageStore(self.ctr, self.layout.containerd_socket)

    @property
    def _api(self) -> ApiClient:
        pki_folder = self.layout.pki
        files = pki.ClientFiles(
            pki_folder / "client-ca.crt", pki_folder / "client.crt", pki_folder / "client.key"
        )
        return ApiClient(self.layout.api_url, files)

    def _can_repair(self) -> bool:
        """A complete cluster of this boot, of which at least the API server or etcd still runs."""
        record = owner.load(self.layout.owner)
        return (
            record is not None
            and record.stage == "ready"
            and record.programs_key == self.programs.key
            and record.boot_id == processes.boot_id()
            and record.is_clone(self.settings.clone)
            and len(self.native.running()) > 0
            and (self.layout.pki / "client.key").is_file()
        )

    def _repair(self) -> None:
        with self.progress.step("Repairing the cluster") as step:
            self.machine.prepare()
            self.machine.write_configuration()
            started = self.native.start(["containerd", *native_programs.CONTROL_PLANE])
            self._api.wait_ready(
                timeout_s=API_TIMEOUT_SECONDS, log=str(self.native.log("kube-apiserver"))
            )
            started += self.native.start([*native_programs.AFTER_API, "kubelet"])
            self._finish()
            step.finish_as(f"started again: {', '.join(started)}" if started else "nothing to do")

    def _create(self) -> None:
        with self.progress.step("Starting the cluster") as step:
            host_check.check_alone([])
            host_check.check_ports(host_check.listeners(self.layout))
            owner.save(self._new_owner(), self.layout.owner)
            self.native.remove_logs()
            step.update("network")
            self.machine.prepare()
            host_check.check_ports(host_check.listeners(self.layout))
            self.machine.write_configuration()
            self.native.start(["containerd"])
            step.update("certificates")
            self.machine.make_pki()
            step.update("etcd and kube-apiserver")
            self.native.start(native_programs.CONTROL_PLANE)
            self._api.wait_ready(
                timeout_s=API_TIMEOUT_SECONDS, log=str(self.native.log("kube-apiserver"))
            )
            step.update("controllers, network, DNS, kubelet")
            self.native.start(native_programs.AFTER_API)
            self._wait_containerd()
            pause = self.machine.pause_image()
            self._store.load(pause.archive)
            self.native.start(["kubelet"])
            self._finish()
            owner.save(self._load_owner().ready(), self.layout.owner)

    def _finish(self) -> None:
        """Apply the few objects every cluster needs, and wait until pods can start."""
        for manifest in (bootstrap.cluster_admins(), *bootstrap.dns_manifests(self.layout)):
            self._api.apply(manifest)
        admin = (self.layout.pki / "super-admin.conf").read_text()
        self.settings.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        self.settings.kubeconfig.touch(mode=0o600)
        self.settings.kubeconfig.write_text(
            pki.user_kubeconfig(admin, CONTEXT, self.layout.api_url)
        )
        self.native.wait_healthy(timeout_s=NODE_TIMEOUT_SECONDS)
        deadline = time.monotonic() + NODE_TIMEOUT_SECONDS
        while not (self._api.node_is_ready(self.layout.node) and self._api.admits_pods()):
            self.native.check_running(native_programs.ALL)
            if time.monotonic() > deadline:
                raise LocalError(
                    f"The node was not Ready after {NODE_TIMEOUT_SECONDS:.0f} s: read "
                    f"{self.native.log('kubelet')} and {self.native.log('containerd')}."
                )
            time.sleep(0.1)

    def _admits_connections(self) -> bool:
        address = (self.layout.http_address, self.layout.http_port)
        try:
            with socket.create_connection(address, timeout=2):
                return True
        except OSError:
            return False

    def _new_owner(self) -> Owner:
        return Owner(
            clone=str(self.settings.clone),
            boot_id=processes.boot_id(),
            stage="starting",
            programs_key=self.programs.key,
            sysctls=network.read_sysctls(),
            absent_folders=residue.absent_folders(),
        )

    def _load_owner(self) -> Owner:
        record = owner.load(self.layout.owner)
        if record is None:
            raise LocalError(f"{self.layout.owner} was removed while the cluster was starting.")
        return record


def _require(program: str, places: str) -> Path:
    found = find(program, places)
    if found is None:
        raise LocalError(f"{program} was not found: install it and try again.")
    return found
