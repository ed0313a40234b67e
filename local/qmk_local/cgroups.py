"""Control groups of the native cluster: who belongs to it, and their removal."""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from qmk_local.errors import LocalError
from qmk_local.processes import ProcessIdentity, identify

ROOT = Path("/sys/fs/cgroup")
MEMBERSHIP_ORDER = ("pids", "memory", "cpu", "systemd")
V2_CONTROLLERS = ("cpu", "cpuset", "io", "memory", "pids", "hugetlb")


def hierarchies(mounts: str) -> dict[str, Path]:
    """Control group mounts in the text of `/proc/mounts`, by name; `unified` is version 2's."""
    found: dict[str, Path] = {}
    for line in mounts.splitlines():
        _, mount_point, kind, *_ = line.split()
        if kind == "cgroup2":
            found["unified"] = Path(mount_point)
        elif kind == "cgroup":
            found[Path(mount_point).name] = Path(mount_point)
    return found


@dataclass(frozen=True)
class ClusterCgroups:
    """The control groups below one name, in every hierarchy of this machine."""

    name: str
    mounts: dict[str, Path]

    @classmethod
    def of_this_machine(cls, name: str) -> "ClusterCgroups":
        """Look at what is mounted now."""
        return cls(name, hierarchies(Path("/proc/mounts").read_text()))

    @property
    def roots(self) -> list[Path]:
        """The top folder in every hierarchy, whether it exists or not."""
        return [mount / self.name for mount in self.mounts.values()]

    @property
    def system_procs(self) -> Path:
        """Where the cluster's own programs are members (containers have groups of their own)."""
        return self._membership / "system" / "cgroup.procs"

    @property
    def _membership(self) -> Path:
        for controller in (*MEMBERSHIP_ORDER, "unified"):
            if controller in self.mounts:
                return self.mounts[controller] / self.name
        raise LocalError("This kernel mounts no control groups, which a kubelet needs.")

    def create(self) -> None:
        """Make the top folder everywhere and the group of the cluster's own programs."""
        for name, mount in self.mounts.items():
            if name == "unified" and len(self.mounts) == 1:
                _delegate(mount)
            root = mount / self.name
            root.mkdir(exist_ok=True)
            if name == "unified" and len(self.mounts) == 1:
                _delegate(root)
            if name == "cpuset":
                for knob in ("cpuset.cpus", "cpuset.mems"):
                    (root / knob).write_text((mount / knob).read_text())
        self.system_procs.parent.mkdir(exist_ok=True)

    def members(self) -> list[ProcessIdentity]:
        """Every living process of the cluster: its programs, containers and their shims."""
        pids: set[int] = set()
        for root in self.roots:
            for procs in root.rglob("cgroup.procs"):
                pids.update(_read_pids(procs))
        found = (identify(pid) for pid in pids)
        return [identity for identity in found if identity is not None]

    def remove(self, *, timeout_s: float) -> None:
        """Remove the empty groups, deepest first; the kernel may need a moment after a kill."""
        deadline = time.monotonic() + timeout_s
        while left := [root for root in self.roots if not _removed(root)]:
            if time.monotonic() > deadline:
                names = ", ".join(str(root) for root in left)
                raise LocalError(
                    f"Control groups {names} are still in use after {timeout_s:.0f} s."
                )
            time.sleep(0.05)


def _delegate(group: Path) -> None:
    """Let the children of a version 2 group have the controllers that a kubelet needs."""
    available = (group / "cgroup.controllers").read_text().split()
    wanted = [f"+{name}" for name in V2_CONTROLLERS if name in available]
    (group / "cgroup.subtree_control").write_text(" ".join(wanted))


def _read_pids(procs: Path) -> Iterable[int]:
    try:
        return [int(line) for line in procs.read_text().split()]
    except OSError:  # the group went away, or is of a kind that holds threads only
        return []


def _removed(root: Path) -> bool:
    if not root.is_dir():
        return True
    groups = [root, *(path for path in root.rglob("*") if path.is_dir())]
    for group in sorted(groups, key=lambda path: len(path.parts), reverse=True):
        try:
            group.rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            return False
    return True
