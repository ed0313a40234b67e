"""The environment and the places that the developer-side commands work with."""

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from qmk_local.errors import LocalError

Backend = Literal["kind", "native"]

ADMINISTRATORS_FOLDERS = ("/usr/local/sbin", "/usr/sbin", "/sbin")
NOT_PROXIED = ("127.0.0.1", "localhost", "10.213.0.0/16", "10.214.0.0/16", ".svc", ".local")
CLONE = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Settings:
    """Read once, where a command starts.

    `cache` is shared by all clones of a user and keyed by content; everything else lies below
    `.local/` of this clone.
    """

    clone: Path
    cache: Path
    backend: Backend | None
    kind_node_image: str | None
    toolchains: str
    firmware: str | None
    command_path: str

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """Raise `LocalError` for a value that no command understands."""
        env = os.environ if environment is None else environment
        backend = env.get("BACKEND") or None
        if backend not in (None, "kind", "native"):
            raise LocalError(
                f"BACKEND={backend} is not known: use BACKEND=kind or BACKEND=native, or "
                "leave it out."
            )
        home_cache = env.get("XDG_CACHE_HOME") or str(Path(_home(env)) / ".cache")
        return cls(
            clone=CLONE,
            cache=Path(home_cache) / "qmk-compile",
            backend=cast("Backend | None", backend),
            kind_node_image=env.get("KIND_NODE_IMAGE") or None,
            firmware=env.get("FIRMWARE") or None,
            toolchains=env.get("TOOLCHAINS") or "avr",
            command_path=_command_path(env),
        )

    @property
    def local(self) -> Path:
        """The git-ignored folder of this clone for everything that the commands make."""
        return self.clone / ".local"

    @property
    def kubeconfig(self) -> Path:
        """Credentials for the cluster; the user's own kubeconfig is never touched."""
        return self.local / "kubeconfig"

    @property
    def logs(self) -> Path:
        """One log file a program."""
        return self.local / "logs"

    @property
    def bin(self) -> Path:
        """kubectl, helm and the other programs, found or built."""
        return self.local / "bin"


def process_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with `changes`, for a program that is started."""
    merged = {**os.environ, "PATH": _command_path(os.environ), **changes}
    # The cluster's own addresses never lie behind a proxy; Go leaves out loopback only.
    for name in ("NO_PROXY", "no_proxy"):
        merged[name] = ",".join(filter(None, [merged.get(name), *NOT_PROXIED]))
    merged["HOME"] = _home(merged)
    return merged


def _home(env: Mapping[str, str]) -> str:
    """HOME, or the user's own where it is not set: Go and pip keep their caches below it."""
    return env.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir


def _command_path(env: Mapping[str, str]) -> str:
    """PATH and the folders of administrators' programs, which a shell may leave out."""
    return os.pathsep.join([env.get("PATH", os.defpath), *ADMINISTRATORS_FOLDERS])
