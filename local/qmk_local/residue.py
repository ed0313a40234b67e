"""What a native cluster leaves on a machine, and its removal.

`down` and the repair after a hard stop are the same act: everything is recognised by where it lies
and by the names that only our clusters use, so it works whoever made it and whatever was lost.
"""

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from qmk_local import iptables, mounts, network, owner, processes
from qmk_local.cgroups import ClusterCgroups
from qmk_local.layout import HostLayout

CGROUP_TIMEOUT_SECONDS = 20.0
KILL_ROUNDS = 20
CNI_CACHE = Path("/var/lib/cni/results")
CONTAINER_LOG_LINKS = Path("/var/log/containers")
KUBELET_FILES = (
    Path("/var/lib/kubelet/device-plugins/kubelet.sock"),
    Path("/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint"),
    Path("/var/lib/kubelet/device-plugins/DEPRECATION"),
)
# Folders outside of ours whose names are built into the programs, deepest first.
FOREIGN_FOLDERS = (
    Path("/var/lib/kubelet/device-plugins"),
    Path("/var/lib/kubelet"),
    CNI_CACHE,
    Path("/var/lib/cni"),
    CONTAINER_LOG_LINKS,
    Path("/run/containerd/s"),
    Path("/run/containerd"),
)


@dataclass(frozen=True)
class Residue:
    """Everything of a native cluster that is on this machine now."""

    processes: int
    mounts: int
    interfaces: int
    packet_filters: int
    control_groups: int
    folders: int

    def __bool__(self) -> bool:
        return any(vars(self).values())

    def __str__(self) -> str:
        words = {name.replace("_", " "): count for name, count in vars(self).items() if count}
        return ", ".join(f"{count} {name}" for name, count in words.items())


def absent_folders() -> list[str]:
    """Of the folders that the programs make outside of ours, those that are not there now."""
    return [str(folder) for folder in FOREIGN_FOLDERS if not folder.exists()]


def find(layout: HostLayout) -> Residue:
    """Look for what a native cluster has or had on this machine."""
    groups = ClusterCgroups.of_this_machine(layout.cgroup)
    folders = (layout.state, layout.run)
    filters = [
        program
        for program in iptables.PROGRAMS
        if iptables.belongs_to_us(network.saved_rules(program), layout)
    ]
    return Residue(
        processes=len(groups.members()),
        mounts=len(mounts.current(folders)),
        interfaces=len(network.cluster_links(layout)),
        packet_filters=len(filters),
        control_groups=sum(root.is_dir() for root in groups.roots),
        folders=sum(folder.is_dir() for folder in folders),
    )


def remove(layout: HostLayout, tell: Callable[[str], None]) -> None:
    """End and remove everything that `find` finds, and put kernel settings back.

    `tell` hears what is being done.
    Safe to repeat after being cut off anywhere: the record of the owner goes last.
    Raises `LocalError` naming what does not go.
    """
    record = owner.load(layout.owner)
    groups = ClusterCgroups.of_this_machine(layout.cgroup)
    sockets = _shim_sockets(layout)
    tell("ending processes")
    for _ in range(KILL_ROUNDS):
        members = groups.members()
        if not members:
            break
        processes.end(members, grace_s=0)
    tell("unmounting")
    mounts.unmount_all((layout.run, layout.state))
    tell("removing network and rules")
    network.remove_links(network.cluster_links(layout))
    _remove_rules(layout)
    tell("removing control groups")
    groups.remove(timeout_s=CGROUP_TIMEOUT_SECONDS)
    _remove_files([*sockets, *_stray_files(layout)])
    if record is not None:
        _remove_folders(Path(folder) for folder in record.absent_folders)
        if record.boot_id == processes.boot_id():
            network.restore_sysctls(record.sysctls)
    tell("removing files")
    shutil.rmtree(layout.run, ignore_errors=True)
    _remove_state(layout)


def _remove_rules(layout: HostLayout) -> None:
    """Kubernetes's chains are ours if the IPv4 ones speak of our addresses: one cluster a host.

    So the IPv4 ones go last: cut off in between, the next run still knows.
    """
    ours = iptables.belongs_to_us(network.saved_rules("iptables"), layout)
    for program in reversed(iptables.PROGRAMS):
        network.remove_rules(program, remove_kubernetes=ours)


def _shim_sockets(layout: HostLayout) -> list[Path]:
    """Sockets of our containers' shims: containerd keeps them in a folder that all share."""
    found = []
    for note in layout.containerd_state.glob("io.containerd.runtime.v2.task/*/*/address"):
        found.append(Path(note.read_text().strip().removeprefix("unix://")))
    return found


def _stray_files(layout: HostLayout) -> list[Path]:
    """Files of ours in folders whose names are built into the programs."""
    found = list(KUBELET_FILES) if not _system_kubelet() else []
    if CONTAINER_LOG_LINKS.is_dir():
        links = [path for path in CONTAINER_LOG_LINKS.iterdir() if path.is_symlink()]
        found += [link for link in links if layout.pod_logs in link.readlink().parents]
    if CNI_CACHE.is_dir():
        mark = str(layout.run).encode()
        found += [path for path in CNI_CACHE.iterdir() if mark in path.read_bytes()]
    return found


def _system_kubelet() -> bool:
    """Whether a kubelet of the machine's own keeps its state in the usual place."""
    return Path("/var/lib/kubelet/config.yaml").exists()


def _remove_files(files: Iterable[Path]) -> None:
    for path in files:
        path.unlink(missing_ok=True)


def _remove_folders(folders: Iterable[Path]) -> None:
    """Remove those that are empty: what somebody put there since is somebody's."""
    for folder in folders:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _remove_state(layout: HostLayout) -> None:
    if not layout.state.is_dir():
        return
    for path in layout.state.iterdir():
        if path == layout.owner:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    layout.owner.unlink(missing_ok=True)
    layout.state.rmdir()
