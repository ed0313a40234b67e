"""What a build pod is told: one order for ``build`` (reads only), one for ``upload`` (writes only).

Today both stand in the Job's manifest. Nothing here says how an order reaches its container.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

SCHEMA = 1

#: The keymap's name inside a build: the user's own name must not change the firmware.
INTERNAL_KEYMAP_NAME = "qmk_compile"


class SandboxMode(StrEnum):
    """What to do where the kernel lacks a layer of the sandbox: refuse to build, or build."""

    REQUIRE = "require"
    PREFER = "prefer"


@dataclass(frozen=True)
class Fetch:
    """An object to read: presigned URL, and what it must be (None: not known beforehand)."""

    url: str
    sha256: str | None = None
    size: int | None = None


@dataclass(frozen=True)
class BuildOrder:
    """All that ``build`` must know. ``request`` is the keymap document to compile.

    ``layers`` are unpacked in order into one tree. ``timeout_seconds`` bounds the build itself,
    ``fetch_seconds`` the fetching before it, ``log_bytes`` the stored log.
    """

    key: str
    keyboard: str
    keymap_name: str
    firmware_commit: str
    toolchain_digest: str
    request: Fetch
    layers: tuple[Fetch, ...]
    timeout_seconds: int
    fetch_seconds: int = 120
    log_bytes: int = 1 << 20
    make_jobs: int = 2
    #: The tree's own Python and data, for the fast path; None: full path only.
    generator: Fetch | None = None
    #: What a trusted build kept of this keyboard; None: there is none.
    record: Fetch | None = None
    #: What a record for this build must carry (`keyboard_record.record_digest`), 64 hex digits.
    record_digest: str = ""
    #: Leave a record of the keyboard: only where no word of a user is in the request.
    recording: bool = False
    sandbox: SandboxMode = SandboxMode.REQUIRE
    #: When the build was asked for, and when it got its slot.
    requested: datetime | None = None
    admitted: datetime | None = None
    schema: int = SCHEMA


@dataclass(frozen=True)
class UploadOrder:
    """All that ``upload`` must know: presigned PUT URLs by object name (artifacts.RESULT, …).

    ``build_seconds`` bounds the wait for ``build`` to end, ``upload_seconds`` the uploads.
    """

    key: str
    targets: Mapping[str, str]
    build_seconds: int
    upload_seconds: int = 120
    schema: int = SCHEMA
