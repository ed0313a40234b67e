"""The CompileJob resource: spec and status as crds/compilejobs.yaml has them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Self

from qmk_contract.codec import BodyError, format_time, from_body, parse_time, to_body
from qmk_contract.names import API_VERSION, KIND, REQUESTED_AT_ANNOTATION
from qmk_contract.phases import ConditionType, JobClass, Phase, Reason
from qmk_contract.result import BuildPath, Diagnostic, RecordUse, Usage

#: The client of jobs whose requester nobody can tell, as crds/compilejobs.yaml has it.
ANONYMOUS = "anonymous"
DEFAULT_CHANNEL = "master"
DEFAULT_TIMEOUT_SECONDS = 300
DEFAULT_TTL_SECONDS = 900
MESSAGE_LENGTH_MAX = 1024
#: How far the clocks of who asks and of the API server may differ; more is no such time.
_CLOCKS_DIFFER_MAX = timedelta(seconds=60)


@dataclass(frozen=True)
class CompileJobSpec:
    """What is wanted. ``keymap`` is a QMK keymap object: layout, layers and further fields.

    ``client`` groups jobs of one requester for fair use. Raising ``rerun`` by one asks for
    another run after a final phase; ``cancel`` asks for an end.
    """

    keyboard: str
    keymap: Mapping[str, Any]
    keymap_name: str = "keymap"
    channel: str = DEFAULT_CHANNEL
    firmware_commit: str | None = None
    job_class: JobClass = field(default=JobClass.INTERACTIVE, metadata={"name": "class"})
    client: str = ANONYMOUS
    timeout_seconds: int = DEFAULT_TIMEOUT_SECONDS
    ttl_seconds_after_finished: int = DEFAULT_TTL_SECONDS
    cancel: bool = False
    rerun: int = 0


@dataclass(frozen=True)
class Condition:
    """A condition as the Kubernetes API conventions have it; ``status`` is True, False, Unknown."""

    type: ConditionType
    status: str
    reason: str
    message: str
    last_transition_time: datetime
    observed_generation: int | None = None


@dataclass(frozen=True)
class Attempts:
    """Pods that compiled to an end, and pods lost to infrastructure."""

    build: int = 0
    infra: int = 0


@dataclass(frozen=True)
class Timestamps:
    """When the job was first seen, its build began to run, and it reached a final phase."""

    queued: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None


@dataclass(frozen=True)
class FirmwareStatus:
    """The firmware's file name for this job, size in bytes, SHA-256 in hexadecimal."""

    file_name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class CompileJobStatus:
    """What is so. Under 4 KiB: everything larger is in S3 under ``build_key``.

    ``path``, ``record`` and ``times`` (milliseconds by `result.Step`) tell of the job's own
    build: there is none where the result was there already.
    """

    phase: Phase = Phase.PENDING
    observed_generation: int | None = None
    reason: Reason | None = None
    message: str | None = None
    conditions: tuple[Condition, ...] = ()
    build_key: str | None = None
    firmware_commit: str | None = None
    job_name: str | None = None
    pod_name: str | None = None
    node_name: str | None = None
    rerun: int = 0
    attempts: Attempts = Attempts()
    timestamps: Timestamps = Timestamps()
    duration_seconds: int | None = None
    firmware: FirmwareStatus | None = None
    usage: Usage | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    cached: bool | None = None
    path: BuildPath | None = None
    record: RecordUse | None = None
    times: Mapping[str, int] = field(default_factory=dict)

    def condition(self, kind: ConditionType) -> Condition | None:
        return next((item for item in self.conditions if item.type is kind), None)


@dataclass(frozen=True)
class CompileJob:
    """A CompileJob object: the parts of its metadata that decisions need, spec and status.

    ``asked`` is when it was asked for, to the millisecond where whoever made it said so.
    """

    name: str
    namespace: str
    uid: str
    created: datetime
    spec: CompileJobSpec
    status: CompileJobStatus = CompileJobStatus()
    generation: int = 1
    resource_version: str = ""
    asked: datetime | None = None

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> Self:
        """Read an object as the API server returns it.

        Raises:
            BodyError: it is no CompileJob that this version understands.
        """
        metadata = body.get("metadata") or {}
        try:
            return cls(
                name=metadata["name"],
                namespace=metadata["namespace"],
                uid=metadata["uid"],
                created=(created := parse_time(metadata["creationTimestamp"])),
                generation=int(metadata.get("generation", 1)),
                resource_version=str(metadata.get("resourceVersion", "")),
                spec=from_body(CompileJobSpec, body.get("spec"), "spec"),
                status=from_body(CompileJobStatus, body.get("status") or {}, "status"),
                asked=_asked(metadata, created),
            )
        except KeyError as error:
            raise BodyError(f"metadata.{error.args[0]}: missing") from error


def new_compile_job(
    name: str, namespace: str, spec: CompileJobSpec, asked: datetime
) -> dict[str, Any]:
    """The body to create a CompileJob with."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "annotations": {REQUESTED_AT_ANNOTATION: format_time(asked)},
        },
        "spec": to_body(spec),
    }


def _asked(metadata: Mapping[str, Any], created: datetime) -> datetime:
    """What the annotation says; anybody may write one, so it must fit the API server's time."""
    try:
        asked = parse_time(metadata["annotations"][REQUESTED_AT_ANNOTATION])
    except (ValueError, TypeError, KeyError):
        return created
    return asked if abs(asked - created) <= _CLOCKS_DIFFER_MAX else created
