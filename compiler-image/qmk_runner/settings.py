"""Environment of the build pod's containers, read once."""

import os
from dataclasses import dataclass
from pathlib import Path

BUILD_ORDER = "QMK_BUILD_ORDER"
UPLOAD_ORDER = "QMK_UPLOAD_ORDER"


@dataclass(frozen=True)
class Settings:
    """Where things are. Only ``build`` needs ``scratch``; both containers share ``shared``."""

    #: JSON text of the container's work order.
    order: str
    #: Writable, for one build alone: tree, home and temporary files.
    scratch: Path = Path("/scratch")
    #: What ``build`` leaves and ``upload`` reads.
    shared: Path = Path("/scratch/out")
    #: Where the toolchain's programs are found.
    search_path: str = "/usr/local/bin:/usr/bin:/bin"
    #: Mount point of the container's own control group.
    cgroup: Path = Path("/sys/fs/cgroup")
    #: How long ``upload`` waits for ``build`` to start.
    build_start_seconds: float = 60.0
    #: What the volume of ``scratch`` may hold, None if that is not known.
    scratch_bytes: int | None = None


def from_environment(order_variable: str) -> Settings:
    """Read the settings of one container; its order stands in ``order_variable``."""
    environment = os.environ
    return Settings(
        order=environment.get(order_variable, ""),
        scratch=Path(environment.get("QMK_SCRATCH_DIR", Settings.scratch)),
        shared=Path(environment.get("QMK_SHARED_DIR", Settings.shared)),
        search_path=environment.get("PATH", Settings.search_path),
        cgroup=Path(environment.get("QMK_CGROUP_DIR", Settings.cgroup)),
        build_start_seconds=float(
            environment.get("QMK_BUILD_START_SECONDS", Settings.build_start_seconds)
        ),
        scratch_bytes=int(environment.get("QMK_SCRATCH_BYTES", 0)) or None,
    )


def command_environment() -> dict[str, str]:
    """The environment, but for what only says where this package is."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
