"""Programs of the distribution that a native cluster needs."""

import os
from dataclasses import dataclass
from pathlib import Path

from qmk_local.commands import find, run
from qmk_local.errors import LocalError
from qmk_local.progress import Progress
from qmk_local.settings import process_environment

INSTALL_TIMEOUT_SECONDS = 900.0
CNI_FOLDERS = (Path("/usr/lib/cni"), Path("/opt/cni/bin"), Path("/usr/libexec/cni"))


@dataclass(frozen=True)
class Need:
    """A program, and the Debian package that brings it."""

    program: str
    package: str


NEEDS = (
    Need("containerd", "containerd"),
    Need("ctr", "containerd"),
    Need("runc", "runc"),
    Need("iptables", "iptables"),
    Need("ip", "iproute2"),
    Need("mount", "mount"),
)
#: What the tests start besides: a cache, and the compiler that the firmware tree is built with.
TEST_NEEDS = (
    Need("redis-server", "redis-server"),
    Need("avr-gcc", "gcc-avr"),
    Need("avr-size", "binutils-avr"),
    Need("make", "make"),
    Need("zstd", "zstd"),
    Need("git", "git"),
)
AVR_LIBC = Path("/usr/lib/avr/include/avr/io.h")
BRIDGE_FILTER = Path("/proc/sys/net/bridge")  # there once its kernel module is loaded
CNI_PACKAGE = "containernetworking-plugins"


def cni_folder() -> Path | None:
    """Where the pod network plugins are."""
    wanted = ("bridge", "host-local", "loopback")
    for folder in CNI_FOLDERS:
        if all((folder / plugin).is_file() for plugin in wanted):
            return folder
    return None


def require_cni_folder() -> Path:
    """`cni_folder`, or `LocalError` where there is none."""
    folder = cni_folder()
    if folder is None:
        raise LocalError(f"The pod network plugins were not found: install {CNI_PACKAGE}.")
    return folder


def missing(command_path: str) -> list[str]:
    """Debian packages that have to be installed, each once."""
    names = [need.package for need in NEEDS if find(need.program, command_path) is None]
    if not BRIDGE_FILTER.is_dir() and find("modprobe", command_path) is None:
        names.append("kmod")
    if cni_folder() is None:
        names.append(CNI_PACKAGE)
    return list(dict.fromkeys(names))


def missing_for_tests(command_path: str) -> list[str]:
    """Debian packages that the integration tests need and that are not here."""
    names = [need.package for need in TEST_NEEDS if find(need.program, command_path) is None]
    return names if AVR_LIBC.is_file() else [*names, "avr-libc"]


def is_debian(os_release: str) -> bool:
    """Whether the text of `/etc/os-release` is Debian's, Ubuntu's or a descendant's."""
    values = dict(line.split("=", 1) for line in os_release.splitlines() if "=" in line)
    families = f"{values.get('ID', '')} {values.get('ID_LIKE', '')}".replace('"', "").split()
    return "debian" in families or "ubuntu" in families


def ensure(names: list[str], progress: Progress) -> None:
    """Install Debian packages, saying so first.

    Raises `LocalError` naming all of them where that is not possible.
    """
    if not names:
        return
    listed = " ".join(names)
    release = Path("/etc/os-release")
    debian = release.is_file() and is_debian(release.read_text())
    if not debian or os.geteuid() != 0:
        command = f"sudo apt-get install {listed}" if debian else f"install {listed}"
        raise LocalError(
            f"These packages are needed and missing: {listed} (Debian's names): {command}, "
            "then try again."
        )
    progress.note(f"These packages are missing and will be installed now: {listed}")
    environment = process_environment({"DEBIAN_FRONTEND": "noninteractive"})
    with progress.step(f"Installing {listed}") as step:
        step.update("reading the package lists")
        run(["apt-get", "update"], timeout_s=INSTALL_TIMEOUT_SECONDS, env=environment)
        step.update("installing")
        run(
            ["apt-get", "install", "--yes", "--no-install-recommends", *names],
            timeout_s=INSTALL_TIMEOUT_SECONDS,
            env=environment,
        )
