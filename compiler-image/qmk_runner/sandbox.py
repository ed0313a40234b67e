"""The sandbox that a process enters before it touches what strangers wrote.

Landlock says which files it reaches, a seccomp filter which system calls it makes, resource
limits how much one process may take. None of them needs a privilege, all of them hold for every
descendant, and nobody gets out again. What they guard against, and what not: docs/security.md.
"""

import os
import resource
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import qmk_contract
import qmk_runner
from qmk_contract.work_order import SandboxMode
from qmk_runner import kernel, sandbox_landlock, sandbox_seccomp

#: GNU make makes its temporary files there whatever TMPDIR says. In a pod the folder is the
#: build's own.
SYSTEM_TEMPORARY = Path("/tmp")  # noqa: S108
_SYSTEM = tuple(map(Path, ("/usr", "/bin", "/sbin", "/lib", "/lib64")))


class SandboxUnavailableError(Exception):
    """The kernel, or what runs containers on it, does not have what a sandbox is made of."""


@dataclass(frozen=True)
class Limits:
    """Of one process: size of a file, memory of its own, time on a processor, open files.

    A pod may have 1 GiB of memory unless its chart says otherwise: less than that, and a compiler
    that asks for too much can say so instead of being killed.
    """

    file_bytes: int = 512 << 20
    data_bytes: int = 768 << 20
    cpu_seconds: int = 3600
    open_files: int = 1024


@dataclass(frozen=True)
class Rules:
    """What a sandboxed process may do.

    ``run``: files and folders to read and to execute. ``write``: folders in which everything is
    allowed but devices and sockets.
    """

    run: tuple[Path, ...]
    write: tuple[Path, ...]
    limits: Limits = Limits()


def rules(write: Iterable[Path], *, search_path: str, limits: Limits = Limits()) -> Rules:
    """Rules for a program of this package that writes to these folders.

    It may read the system's programs and libraries, those on the search path, this Python, and
    our two packages.
    """
    programs = [Path(folder) for folder in search_path.split(":") if folder.startswith("/")]
    python = [Path(sys.prefix), Path(sys.base_prefix)]
    packages = [
        Path(package.__file__).resolve().parent
        for package in (qmk_contract, qmk_runner)
        if package.__file__
    ]
    return Rules(
        run=(*_SYSTEM, *programs, *python, *packages),
        write=(*write, SYSTEM_TEMPORARY),
        limits=limits,
    )


def layers() -> tuple[str, ...]:
    """Names of the layers that ``enter`` can put in force here, e.g. landlock-7."""
    abi = sandbox_landlock.abi()
    return (
        *((f"landlock-{abi}",) if abi else ()),
        *(("seccomp",) if sandbox_seccomp.available() else ()),
        "rlimits",
    )


def check(mode: SandboxMode) -> tuple[str, ...]:
    """The layers to be, before a process is started for them.

    Raises:
        SandboxUnavailableError: one is missing, and the mode requires all.
    """
    found = layers()
    missing = [
        name
        for name in ("landlock", "seccomp")
        if not any(layer.partition("-")[0] == name for layer in found)
    ]
    if missing and mode is SandboxMode.REQUIRE:
        raise SandboxUnavailableError(
            f"This node's kernel has no {' and no '.join(missing)} for a build's sandbox."
        )
    return found


def enter(rules: Rules, mode: SandboxMode) -> tuple[str, ...]:
    """Restrict this process, which must have one thread, and all its descendants, for good.

    Returns the names of the layers in force.

    Raises:
        SandboxUnavailableError: one is missing, and the mode requires all.
        OSError: the kernel has a layer, and refuses to put it in force.
    """
    if threading.active_count() != 1:
        raise RuntimeError("a sandbox would hold for one thread only")
    found = check(mode)
    _limit(rules.limits)
    kernel.gain_no_privileges()
    abi = sandbox_landlock.abi()
    if abi:
        sandbox_landlock.restrict(
            [
                *((path, sandbox_landlock.RUN) for path in rules.run),
                *((path, sandbox_landlock.WRITE) for path in rules.write),
                (Path("/dev/null"), sandbox_landlock.WRITE),
            ]
        )
    if "seccomp" in found:
        parent = os.getppid()
        sandbox_seccomp.restrict(
            (parent, -os.getpgid(parent)), truncate=abi >= sandbox_landlock.TRUNCATE_ABI
        )
    return found


def _limit(limits: Limits) -> None:
    values = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: limits.file_bytes,
        resource.RLIMIT_DATA: limits.data_bytes,
        resource.RLIMIT_CPU: limits.cpu_seconds,
        resource.RLIMIT_NOFILE: limits.open_files,
    }
    for kind, value in values.items():
        _, hard = resource.getrlimit(kind)
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (least, least))
