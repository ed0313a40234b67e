"""The API's request and replies as OpenAPI tells them. The replies themselves are made elsewhere:
a test holds every one of them against these."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from qmk_contract.artifacts import CHANNEL_PATTERN
from qmk_contract.keymap import KEYS_MAX, LAYERS_MAX, LAYOUT_PATTERN
from qmk_contract.patterns import KEYBOARD_LENGTH_MAX, KEYBOARD_PATTERN
from qmk_contract.result import DIAGNOSTICS_MAX, BuildPath, RecordUse, Step

Layer = Annotated[list[str | None], Field(max_length=KEYS_MAX)]


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid")


class KeymapRequest(BaseModel):
    """A keymap in QMK's JSON form. Unknown keys are ignored."""

    model_config = ConfigDict(
        extra="allow",
    )

    keyboard: str = Field(
        description="A keyboard of the firmware tree, or an alias of one.",
        pattern=f"^{KEYBOARD_PATTERN}$",
        max_length=KEYBOARD_LENGTH_MAX,
    )
    keymap: str | None = Field(default=None, description="Name for the files; any characters.")
    layout: str = Field(
        description="One of the keyboard's layouts, or an alias of one.",
        pattern=f"^{LAYOUT_PATTERN}$",
    )
    layers: list[Layer | None] = Field(
        description="Keycodes by layer. A null layer is transparent, a null key does nothing.",
        min_length=1,
        max_length=LAYERS_MAX,
    )
    branch: Annotated[str, Field(pattern=f"^(?:{CHANNEL_PATTERN})?$")] | None = Field(
        default=None, description="Firmware channel to build from."
    )
    config: dict[str, Any] | None = Field(default=None, description="As in QMK's keymap schema.")
    converter: Annotated[str, Field(pattern="^[a-z0-9_]{1,64}$")] | None = None
    dip_switches: list[Any] | None = None
    encoders: list[Any] | None = None
    host_language: Annotated[str, Field(pattern="^[A-Za-z0-9_]{1,64}$")] | None = None
    keycodes: list[Any] | None = None
    macros: list[Any] | None = None
    modules: list[str] | None = None


class Enqueued(_Reply):
    """The keymap is being compiled, or has been: poll with ``job_id``."""

    enqueued: Literal[True]
    job_id: str
    cached: bool = Field(description="The result is there already: the first poll has it.")


class Diagnostic(_Reply):
    """Something that is wrong with a keymap, or looks so: of our own checks or of the compiler.

    ``layer`` and ``key`` count from 0, ``line`` and ``column`` from 1. The file keymap.c is the one
    that can be had beside the result.
    """

    severity: Literal["error", "warning"]
    message: str
    file: str | None = None
    line: int | None = None
    column: int | None = None
    layer: int | None = None
    key: int | None = None
    keycode: str | None = None


class Error(_Reply):
    """What is wrong. ``layer`` and ``key`` count from 0, where the fault is at one place.

    ``diagnostics`` has all faults of a keymap that were found; the message is the first one's.
    """

    code: int
    message: str
    reason: str | None = None
    layer: int | None = None
    key: int | None = None
    diagnostics: list[Diagnostic] = Field(default=[], min_length=1, max_length=DIAGNOSTICS_MAX)
    status: Literal["unknown"] | None = None
    retry_after: int | None = Field(default=None, description="Seconds, with code 429.")
    queue_position: int | None = Field(
        default=None, description="Jobs ahead, with code 429 of the queue."
    )
    queue_length: int | None = Field(default=None, description="Jobs that people wait for.")


class Memory(_Reply):
    """Bytes used, of bytes available."""

    used: int
    limit: int | None = None


class Usage(_Reply):
    """What the firmware needs of the microcontroller."""

    flash: Memory | None = None
    ram: Memory | None = None


class CompileResult(_Reply):
    """How a build ended. The firmware's own fields are absent where there is no firmware."""

    id: str
    keyboard: str
    keymap: str
    layout: str | None
    returncode: int
    output: str
    command: list[str]
    cmd: list[str] | None = None
    firmware: None
    firmware_filename: str
    keymap_archive: str
    keymap_json: str | None
    source_archive: str
    firmware_binary_url: list[str] = Field(default=[], min_length=1)
    firmware_keymap_url: list[str]
    firmware_source_url: list[str]
    log_url: list[str]
    keymap_c_url: list[str] = Field(default=[], min_length=1)
    public_firmware: Literal[False]
    reason: str | None
    message: str
    diagnostics: list[Diagnostic]
    usage: Usage | None
    times: dict[Step, int] = Field(
        description="Milliseconds by step, of the steps that took place, in order of time."
    )
    path: BuildPath | None = Field(
        default=None, description="How it was built. All ways give the same bytes."
    )
    record: RecordUse | None = Field(
        default=None, description="What became of what is kept of the keyboard's earlier builds."
    )
    sandbox: list[str] = Field(
        default=[], description="The layers of containment that were in force."
    )
    firmware_commit: str | None
    sha256: str | None = None
    size: int | None = None


class CompileJobState(_Reply):
    """Where a job is. ``is_failed`` and ``result`` are null until its end.

    The URLs are those of ``result``, for clients that look for them here.
    """

    id: str
    status: Literal["queued", "running", "finished", "failed"]
    is_failed: bool | None
    result: CompileResult | None
    firmware_binary_url: list[str] = Field(default=[], min_length=1)
    firmware_keymap_url: list[str] = Field(default=[], min_length=1)
    firmware_source_url: list[str] = Field(default=[], min_length=1)
    created_at: str
    enqueued_at: str
    reason: str | None = None
    queue_position: int | None = Field(default=None, description="Jobs ahead of this one.")
    queue_length: int | None = None
    eta_seconds: int | None = Field(
        default=None, description="Seconds until the result is to be expected, while it is queued."
    )


class Keymap(BaseModel):
    """The keymap that was compiled, in QMK's JSON form."""

    model_config = ConfigDict(extra="allow")

    version: int
    keyboard: str
    keymap: str
    layout: str
    layers: list[list[str]]


class Keyboards(_Reply):
    """All that is known of some keyboards, by the names that were asked for."""

    git_hash: str = Field(description="The firmware's commit.")
    last_updated: str
    keyboards: dict[str, Any]


class Health(_Reply):
    """The service's state. Pings are seconds since 1970."""

    last_ping: float | None
    queue_length: int = Field(description="Jobs that people wait for and that have not begun.")
    status: Literal["starting", "running", "degraded"]
    status_last_ping: Literal["starting", "good", "degraded"]
    status_tasks_ping: Literal["starting", "good", "degraded"]
    tasks_ping: float | None
    version: str


class Root(Health):
    """The service's state and what it offers."""

    children: list[str]


class Alive(_Reply):
    """The process answers."""

    status: Literal["ok"]


class Ready(_Reply):
    """Whether this process can do its work, and what it found of what it needs."""

    ready: Literal[True]
    checks: dict[str, bool]
