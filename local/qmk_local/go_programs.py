"""The cluster's programs, built from the pinned go.mod into the user's cache folder."""

import hashlib
import platform
import re
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from qmk_local import settings as settings_module
from qmk_local.errors import LocalError
from qmk_local.go_toolchain import GoToolchain, find_toolchain
from qmk_local.host_check import BUILD_FREE_BYTES, check_disk
from qmk_local.lock import exclusive
from qmk_local.progress import Progress, Step
from qmk_local.settings import Settings

BUILD_TIMEOUT_SECONDS = 3600.0
LIST_TIMEOUT_SECONDS = 900.0
NAMES = {
    "cluster": (
        *("coredns", "etcd", "forward", "helm", "kube-apiserver", "kube-controller-manager"),
        *("kube-proxy", "kube-scheduler", "kubeadm", "kubectl", "kubelet"),
    ),
    "clients": ("helm", "kubectl"),
    "pause": ("pause",),
    "kind": ("kind",),
}
PACKAGES = {
    "cluster": "./programs/cluster",
    "clients": "./programs/clients",
    "pause": "./programs/pause",
    "kind": "sigs.k8s.io/kind",
}


class Show(Protocol):
    """Is told how many packages have been compiled."""

    def __call__(self, count: int, /) -> None: ...


@dataclass(frozen=True)
class Programs:
    """Built programs; each is started by its own name."""

    folder: Path
    key: str

    def path(self, name: str) -> Path:
        """The executable of the program `name`."""
        return self.folder / name


def pinned_version(go_mod: str, module: str) -> str:
    """The version of a module that the text of a go.mod requires, such as `v1.34.4`."""
    match = re.search(rf"^\s+{re.escape(module)} (v[\d.]+)$", go_mod, re.M)
    if match is None:
        raise LocalError(f"go.mod names no version of {module}.")
    return match[1]


def kubernetes_version(go_mod: str) -> str:
    """The version of Kubernetes that a go.mod pins."""
    return pinned_version(go_mod, "k8s.io/kubernetes")


def architecture() -> str:
    """This machine's architecture in Go's and OCI's words."""
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def content_key(parts: Sequence[bytes]) -> str:
    """A name for built programs: the same sources and tool chain give the same name."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()[:16]


def linker_flags(go_mod: str) -> str:
    """Without symbols, and with the versions that the programs call themselves by.

    Helm also takes the version of Kubernetes that it assumes without a cluster from here.
    """
    version = kubernetes_version(go_mod)
    major, minor, _ = version.removeprefix("v").split(".")
    kubernetes, helm = "k8s.io/component-base/version", "helm.sh/helm/v4"
    values = {
        f"{kubernetes}.gitVersion": version,
        f"{kubernetes}.gitMajor": major,
        f"{kubernetes}.gitMinor": minor,
        f"{kubernetes}.gitTreeState": "clean",
        f"{helm}/internal/version.version": pinned_version(go_mod, helm),
        f"{helm}/internal/version.kubeClientVersionMajor": major,
        f"{helm}/internal/version.kubeClientVersionMinor": minor,
        f"{helm}/pkg/chart/common.k8sVersionMajor": major,
        f"{helm}/pkg/chart/common.k8sVersionMinor": minor,
        f"{helm}/pkg/chart/v2/lint/rules.k8sVersionMajor": major,
        f"{helm}/pkg/chart/v2/lint/rules.k8sVersionMinor": minor,
    }
    return " ".join(["-s -w", *(f"-X {name}={value}" for name, value in values.items())])


def built(wanted: Sequence[str], settings: Settings) -> Programs:
    """Return programs that are there already. Raises `LocalError` where they have to be built."""
    programs, _ = _locate(settings)
    if _missing(wanted, programs):
        raise LocalError("The cluster's programs are not built: run `make integration`.")
    return programs


def build(wanted: Sequence[str], settings: Settings, progress: Progress) -> Programs:
    """Return the programs of the sets `wanted` (keys of `NAMES`), built if they are not there yet.

    Raises `LocalError` naming the log of a build that failed.
    """
    programs, toolchain = _locate(settings)
    if _missing(wanted, programs):
        check_disk(settings.cache, BUILD_FREE_BYTES, "building the programs")
        lock = settings.cache / "programs" / f"{programs.key}.lock"
        with exclusive(lock, f"the build of programs in {settings.clone}", progress):
            for name in _missing(wanted, programs):
                _build_set(name, programs, toolchain, settings, progress)
    _link(programs, wanted, settings.bin)
    return programs


def _locate(settings: Settings) -> tuple[Programs, GoToolchain]:
    """Where the programs of these sources and this tool chain are, or will be."""
    module = settings.clone / "local"
    sources = [module / "go.mod", module / "go.sum", *sorted(module.glob("programs/*/*.go"))]
    toolchain = find_toolchain(module / "go.mod", settings.command_path)
    flags = linker_flags((module / "go.mod").read_text())
    texts = (toolchain.version, flags)
    key = content_key([path.read_bytes() for path in sources] + [text.encode() for text in texts])
    return Programs(settings.cache / "programs" / key, key), toolchain


def _missing(wanted: Sequence[str], programs: Programs) -> list[str]:
    """Sets of which a program is not there; they come into being in the order of their names."""
    return [name for name in wanted if not programs.path(NAMES[name][-1]).exists()]


def _build_set(
    name: str, programs: Programs, toolchain: GoToolchain, settings: Settings, progress: Progress
) -> None:
    module = settings.clone / "local"
    log = settings.logs / f"go-build-{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    programs.folder.mkdir(parents=True, exist_ok=True)
    built = programs.folder / f".{name}"
    flags = linker_flags((module / "go.mod").read_text())
    env = settings_module.process_environment({"CGO_ENABLED": "0", "GOFLAGS": "-buildvcs=false"})
    with progress.step(f"Building {', '.join(NAMES[name])}") as step, log.open("w+") as output:
        step.update("finding out what has to be compiled")
        total = _count_stale(toolchain, PACKAGES[name], module, env, output)
        argv = [str(toolchain.go), "build", "-v", "-trimpath", "-ldflags", flags]
        argv += ["-o", str(built), PACKAGES[name]]
        _run_build(argv, module, env, output, lambda count: _show(step, count, total))
    for program in NAMES[name]:
        link = programs.folder / program
        link.unlink(missing_ok=True)
        link.hardlink_to(built)


def _show(step: Step, count: int, total: int) -> None:
    if count < total:
        step.update(f"{count} of {total} packages compiled")
    else:
        step.update("linking")


def _count_stale(
    toolchain: GoToolchain, package: str, module: Path, env: Mapping[str, str], log: IO[str]
) -> int:
    """How many packages will be compiled; asking for it downloads the modules too."""
    template = "{{if .Stale}}x{{end}}"
    argv = [str(toolchain.go), "list", "-trimpath", "-deps", "-f", template, package]
    try:
        done = subprocess.run(  # noqa: S603 - an argv list of our own
            argv,
            cwd=module,
            env=env,
            stdout=subprocess.PIPE,
            stderr=log,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=LIST_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise LocalError(
            f"Downloading the Go modules took longer than {LIST_TIMEOUT_SECONDS / 60:.0f} min: "
            f"check the network and GOPROXY, and read {log.name}."
        ) from error
    if done.returncode != 0:
        raise LocalError(
            f"The Go modules could not be downloaded: check the network and GOPROXY, and read "
            f"{log.name}."
        )
    return done.stdout.split().count("x")


def _run_build(
    argv: list[str], module: Path, env: Mapping[str, str], log: IO[str], show: Show
) -> None:
    process = subprocess.Popen(  # noqa: S603 - an argv list of our own
        argv,
        cwd=module,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
    )
    timer = threading.Timer(BUILD_TIMEOUT_SECONDS, process.kill)
    timer.start()
    try:
        assert process.stdout is not None  # noqa: S101 - asked for above
        for count, line in enumerate(process.stdout, start=1):
            log.write(line)
            show(count)
        code = process.wait()
    finally:
        timer.cancel()
        process.kill()
        process.wait()
    log.flush()
    if code != 0:
        raise LocalError(
            f"Building the programs failed: read {log.name} (a full disk and too little memory are "
            "the usual reasons), then try again: what is compiled is kept."
        )


def _link(programs: Programs, wanted: Sequence[str], folder: Path) -> None:
    """Offer the programs in this clone's bin folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (name for group in wanted for name in NAMES[group]):
        link = folder / name
        if not (link.is_symlink() and link.readlink() == programs.path(name)):
            link.unlink(missing_ok=True)
            link.symlink_to(programs.path(name))
