"""What is read from this machine: mounts, control groups, interfaces, ports, packages."""

import socket
from pathlib import Path

import pytest

from qmk_local import cgroups, host_check, mounts, network, packages, residue
from qmk_local.errors import LocalError
from qmk_local.host_check import Listener
from qmk_local.layout import HostLayout
from qmk_local.residue import Residue

MOUNTS = r"""sysfs /sys sysfs rw 0 0
/dev/vda / ext4 rw 0 0
overlay /run/qmk-compile/containerd/x/rootfs overlay rw 0 0
tmpfs /var/lib/qmk-compile/kubelet/pods/a/volumes/with\040space tmpfs rw 0 0
nsfs /run/qmk-compile/containerd/netns/cni-1 nsfs rw 0 0
tmpfs /run/qmk-compile-of-somebody tmpfs rw 0 0
tmpfs /run/qmk-compile tmpfs rw 0 0
"""
HYBRID = """tmpfs /sys/fs/cgroup tmpfs rw 0 0
cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0
cgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0
cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0
"""


def test_mounts_below_the_folders_are_listed_innermost_last_mounted_first() -> None:
    found = mounts.below(MOUNTS, [Path("/run/qmk-compile"), Path("/var/lib/qmk-compile")])
    assert [str(point) for point in found] == [
        "/run/qmk-compile",
        "/run/qmk-compile/containerd/netns/cni-1",
        "/var/lib/qmk-compile/kubelet/pods/a/volumes/with space",
        "/run/qmk-compile/containerd/x/rootfs",
    ]


def test_control_group_hierarchies_of_both_versions_are_found() -> None:
    assert cgroups.hierarchies(HYBRID) == {
        "memory": Path("/sys/fs/cgroup/memory"),
        "pids": Path("/sys/fs/cgroup/pids"),
        "unified": Path("/sys/fs/cgroup/unified"),
    }
    assert cgroups.hierarchies("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n") == {
        "unified": Path("/sys/fs/cgroup")
    }


def test_machine_without_control_groups_is_refused() -> None:
    with pytest.raises(LocalError, match="control groups"):
        _ = cgroups.ClusterCgroups("x", {}).system_procs


def test_only_what_is_plugged_into_our_bridge_is_ours(tmp_path: Path) -> None:
    layout = HostLayout()
    for name, master in {"veth1": layout.bridge, "veth2": "docker0", "eth0": None}.items():
        (tmp_path / name).mkdir()
        if master is not None:
            (tmp_path / name / "master").symlink_to(f"../{master}")
    assert network.cluster_links(layout, tmp_path) == ["veth1"]
    (tmp_path / layout.bridge).mkdir()
    assert network.cluster_links(layout, tmp_path) == ["veth1", layout.bridge]


def test_taken_port_is_named_with_its_purpose() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(LocalError, match=f"Port {port} on 127.0.0.1, which etcd needs"):
            host_check.check_ports([Listener("127.0.0.1", port, "etcd")])
    host_check.check_ports([Listener("127.0.0.1", port, "etcd")])


def test_everything_listens_on_this_machine_only() -> None:
    layout = HostLayout()
    addresses = {listener.address for listener in host_check.listeners(layout)}
    assert addresses == {"127.0.0.1", layout.bridge_address}


def test_nearly_full_disk_is_refused(tmp_path: Path) -> None:
    host_check.check_disk(tmp_path / "not/there/yet", 1, "a test")
    with pytest.raises(LocalError, match="a test needs"):
        host_check.check_disk(tmp_path, 2**62, "a test")


@pytest.mark.parametrize(
    ("os_release", "expected"),
    [
        ('ID=debian\nVERSION_ID="12"\n', True),
        ("NAME=Ubuntu\nID=ubuntu\nID_LIKE=debian\n", True),
        ('ID=pop\nID_LIKE="ubuntu debian"\n', True),
        ("ID=fedora\n", False),
        ("", False),
    ],
)
def test_debian_and_its_descendants_are_known(os_release: str, expected: bool) -> None:
    assert packages.is_debian(os_release) is expected


def test_missing_programs_are_named_by_package_once(tmp_path: Path) -> None:
    named = packages.missing(str(tmp_path))
    assert named.count("containerd") == 1
    assert {"containerd", "runc", "iptables", "iproute2", "mount"} <= set(named)


def test_residue_says_what_there_is_and_is_false_without() -> None:
    assert not Residue(0, 0, 0, 0, 0, 0)
    assert str(Residue(2, 5, 0, 1, 0, 0)) == "2 processes, 5 mounts, 1 packet filters"


def test_folders_of_others_are_listed_deepest_first() -> None:
    seen: list[Path] = []
    for folder in residue.FOREIGN_FOLDERS:
        assert not any(earlier in folder.parents for earlier in seen)
        seen.append(folder)
