"""The bridge, kernel settings and packet filter rules on this machine."""

from pathlib import Path

from qmk_local import iptables
from qmk_local.commands import CommandFailed, run
from qmk_local.errors import LocalError
from qmk_local.layout import HostLayout

TIMEOUT_SECONDS = 20.0
# What a pod network needs.
WANTED = {
    "net/ipv4/ip_forward": "1",
    "net/bridge/bridge-nf-call-iptables": "1",
}
# What a kubelet, a kube-proxy and the bridge plugin set by themselves.
TOUCHED = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
    "net/ipv4/conf/all/route_localnet",
    "net/ipv4/vs/conntrack",
    "net/netfilter/nf_conntrack_max",
    "net/netfilter/nf_conntrack_tcp_timeout_established",
    "net/netfilter/nf_conntrack_tcp_timeout_close_wait",
    "net/netfilter/nf_conntrack_tcp_be_liberal",
)
SYSCTL = Path("/proc/sys")
INTERFACES = Path("/sys/class/net")


def read_sysctls() -> dict[str, str]:
    """The settings that a cluster changes, as they are now; what the kernel lacks is left out."""
    values = {}
    for name in (*WANTED, *TOUCHED):
        path = SYSCTL / name
        if path.is_file():
            values[name] = path.read_text().strip()
    return values


def restore_sysctls(before: dict[str, str]) -> list[str]:
    """Put the settings back; return the names of those that had changed."""
    now = read_sysctls()
    changed = [name for name, value in before.items() if now.get(name, value) != value]
    for name in changed:
        (SYSCTL / name).write_text(before[name])
    return changed


def set_sysctls() -> None:
    """Set what the pod network needs. Raises `LocalError` where the kernel has no bridge filter."""
    if not (SYSCTL / "net/bridge").is_dir():
        run(["modprobe", "br_netfilter"], timeout_s=TIMEOUT_SECONDS)
    for name, value in WANTED.items():
        path = SYSCTL / name
        if path.read_text().strip() != value:
            try:
                path.write_text(value)
            except OSError as error:
                raise LocalError(
                    f"{path} could not be set to {value}: {error.strerror}. A pod network needs it."
                ) from error


def cluster_links(layout: HostLayout, interfaces: Path = INTERFACES) -> list[str]:
    """Names of our bridge and of what is plugged into it, the bridge last."""
    plugged = [
        interface.name
        for interface in interfaces.iterdir()
        if (interface / "master").is_symlink()
        and (interface / "master").readlink().name == layout.bridge
    ]
    return plugged + ([layout.bridge] if (interfaces / layout.bridge).exists() else [])


def ensure_bridge(layout: HostLayout) -> None:
    """Make the bridge with its address; what is there already is left as it is."""
    if not (INTERFACES / layout.bridge).exists():
        _check_address_is_free(layout)
        run(["ip", "link", "add", layout.bridge, "type", "bridge"], timeout_s=TIMEOUT_SECONDS)
    prefix = layout.pod_cidr.partition("/")[2]
    address = f"{layout.bridge_address}/{prefix}"
    run(
        ["ip", "address", "replace", address, "dev", layout.bridge],
        timeout_s=TIMEOUT_SECONDS,
    )
    run(["ip", "link", "set", layout.bridge, "up"], timeout_s=TIMEOUT_SECONDS)


def _check_address_is_free(layout: HostLayout) -> None:
    for name in (layout.pod_cidr, layout.service_cidr):
        routes = run(["ip", "route", "show", "root", name], timeout_s=TIMEOUT_SECONDS).split()
        if routes:
            raise LocalError(
                f"The network {name}, which the cluster's pods and services need, is routed on "
                f"this machine already: free it (`ip route show root {name}`), or use BACKEND=kind."
            )


def remove_links(names: list[str]) -> None:
    """Delete interfaces; one that went away meanwhile is no failure."""
    for name in names:
        try:
            run(["ip", "link", "delete", name], timeout_s=TIMEOUT_SECONDS)
        except CommandFailed:
            if (INTERFACES / name).exists():
                raise


def ensure_rules(layout: HostLayout) -> None:
    """Insert our own rules where they are missing."""
    for rule in iptables.own_rules(layout):
        try:
            run(rule.argv("-C"), timeout_s=TIMEOUT_SECONDS)
        except CommandFailed:
            run(rule.argv("-I"), timeout_s=TIMEOUT_SECONDS)


def saved_rules(program: str) -> str:
    """What `<program>-save` prints; nothing where this kernel or machine has no such filter."""
    try:
        return run([f"{program}-save"], timeout_s=TIMEOUT_SECONDS)
    except CommandFailed:
        return ""


def remove_rules(program: str, remove_kubernetes: bool) -> bool:
    """Remove our rules, and Kubernetes's too where they are ours; return whether any were there."""
    undo = iptables.removal(saved_rules(program), remove_kubernetes)
    if undo:
        run(
            [f"{program}-restore", "--noflush", "-w", "5"],
            timeout_s=TIMEOUT_SECONDS,
            input_text=undo,
        )
    return bool(undo)
