"""result.json: how one build ended. Written last; what it names is there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from qmk_contract.phases import Reason

SCHEMA = 1
DIAGNOSTICS_MAX = 20


class BuildPath(StrEnum):
    """How a firmware was made. All give the same bytes."""

    #: keymap.c compiled, and linked with the keyboard's recorded objects.
    FAST = "fast"
    #: Also what depends on other generated files.
    PARTIAL = "partial"
    #: Everything, by the tree's own ``qmk compile``.
    FULL = "full"


class RecordUse(StrEnum):
    """What became of the keyboard's record in a build."""

    USED = "used"
    #: There is none, or storage did not give it in time.
    ABSENT = "absent"
    #: This keymap changes more than it can serve, or the attempt with it broke off.
    UNFIT = "unfit"
    #: It is not what its pointer or its digest says.
    REJECTED = "rejected"


class Step(StrEnum):
    """Keys of ``times``, in order of time."""

    QUEUE = "queue"
    START = "start"
    FETCH = "fetch"
    UNPACK = "unpack"
    GENERATE = "generate"
    COMPILE = "compile"
    LINK = "link"
    COLLECT = "collect"
    UPLOAD = "upload"


@dataclass(frozen=True)
class Artifact:
    """A stored object of the build: size in bytes and SHA-256 in hexadecimal."""

    size: int
    sha256: str


@dataclass(frozen=True)
class Firmware:
    """The firmware object, and its file name extension without the dot: hex, bin or uf2."""

    extension: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Memory:
    """Bytes used of bytes available; ``limit`` is None where the tree does not know one."""

    used: int
    limit: int | None = None


@dataclass(frozen=True)
class Usage:
    """What the firmware needs of the microcontroller."""

    flash: Memory | None = None
    ram: Memory | None = None


@dataclass(frozen=True)
class Diagnostic:
    """One message of the compiler. ``layer`` and ``key`` count from 0, where known."""

    severity: str
    message: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    layer: int | None = None
    key: int | None = None
    keycode: str | None = None


@dataclass(frozen=True)
class BuildResult:
    """How a build ended. ``times`` are milliseconds by Step, of those that took place.

    ``sandbox`` names the layers of containment that were in force, e.g. ``landlock-7``.
    """

    key: str
    keyboard: str
    firmware_commit: str
    toolchain_digest: str
    reason: Reason
    message: str
    returncode: int
    command: tuple[str, ...]
    started: datetime
    finished: datetime
    log: Artifact
    firmware: Firmware | None = None
    keymap_c: Artifact | None = None
    usage: Usage | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    times: Mapping[str, int] = field(default_factory=dict)
    path: BuildPath = BuildPath.FULL
    record: RecordUse = RecordUse.ABSENT
    sandbox: tuple[str, ...] = ()
    schema: int = SCHEMA

    @property
    def succeeded(self) -> bool:
        """Success without a firmware file does not exist."""
        return self.reason is Reason.COMPLETED and self.firmware is not None
