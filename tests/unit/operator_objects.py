"""CompileJobs, Jobs, pods and results as the operator's unit tests want them."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from qmk_contract.build_key import build_key
from qmk_contract.compile_job import (
    CompileJob,
    CompileJobSpec,
    CompileJobStatus,
    Timestamps,
)
from qmk_contract.keyboard_record import record_digest
from qmk_contract.keymap import Keymap, normalise_keymap
from qmk_contract.phases import Phase, Reason
from qmk_contract.record_pointer import RecordPointer
from qmk_contract.result import Artifact, BuildResult, Firmware
from qmk_contract.snapshot import Layer
from qmk_operator.observation import ContainerView, JobView, PodView
from qmk_operator.records import RecordIdentity
from qmk_operator.request import BuildRequest
from qmk_operator.results import StoredResult
from qmk_operator.settings import Settings

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
COMMIT = "c" * 40
DIGEST = "sha256:" + "d" * 64
KEYBOARD = "demo/pad3"
KEYMAP: dict[str, Any] = {"layout": "LAYOUT", "layers": [["KC_A", "KC_B", "KC_C"]]}
KEY = build_key(
    firmware_commit=COMMIT,
    toolchain_digest=DIGEST,
    keyboard=KEYBOARD,
    keymap=normalise_keymap(KEYMAP),
    keymap_name="keymap",
)
ENVIRONMENT = {
    "QMK_NAMESPACE": "qmk",
    "QMK_TOOLCHAIN_IMAGE": "localhost/qmk-toolchain:1",
    "QMK_TOOLCHAIN_DIGEST": DIGEST,
    "S3_ENDPOINT_URL": "http://storage:8333",
    "S3_ACCESS_KEY": "access",
    "S3_SECRET_KEY": "secret",
}
SETTINGS = Settings.from_environment(ENVIRONMENT)
REQUEST = BuildRequest(
    key=KEY,
    firmware_commit=COMMIT,
    toolchain_digest=DIGEST,
    keyboard=KEYBOARD,
    keymap_name="qmk_compile",
    document=b"{}",
    layers=(Layer(f"firmware/{COMMIT}/core.tar.zst", 3, "1" * 64),),
)
GENERATOR = Layer(f"firmware/{COMMIT}/generator.tar.zst", 2, "4" * 64)
#: What FakeCatalogue's keyboard is recorded under, once its tree has a generator.
RECORD = RecordIdentity(
    digest=record_digest(
        (Layer("core", 1, "0" * 64), Layer("demo", 1, "0" * 64)), toolchain_digest=DIGEST
    ),
    keyboard=KEYBOARD,
    generator=GENERATOR,
    plain=Keymap("LAYOUT", (("KC_NO",) * 3,)),
)
POINTER = RecordPointer(RECORD.digest, KEYBOARD, 1000, "5" * 64, NOW - timedelta(days=1))


def ago(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def compile_job(
    phase: Phase = Phase.PENDING,
    *,
    name: str = KEY,
    status: dict[str, Any] | None = None,
    **spec: Any,
) -> CompileJob:
    """A CompileJob that was created five seconds ago; ``spec`` are fields of its spec."""
    values: dict[str, Any] = {
        "keyboard": KEYBOARD,
        "keymap": KEYMAP,
        "firmware_commit": COMMIT,
        "ttl_seconds_after_finished": 60,
    }
    fields: dict[str, Any] = {"phase": phase}
    if phase is not Phase.PENDING:
        fields |= {"timestamps": Timestamps(ago(5)), "build_key": KEY, "job_name": name}
    if phase.final:
        fields["timestamps"] = Timestamps(ago(5), ago(4), ago(1))
    return CompileJob(
        name=name,
        namespace="qmk",
        uid=f"uid-{name}",
        created=ago(5),
        spec=CompileJobSpec(**(values | spec)),
        status=CompileJobStatus(**(fields | (status or {}))),
        resource_version="7",
    )


def job(**changes: Any) -> JobView:
    """The Job of ``compile_job()``, made four seconds ago, with two retries."""
    view = JobView(
        name=KEY,
        uid="uid-job",
        owner_uid=f"uid-{KEY}",
        compile_job=KEY,
        build_key=KEY,
        toolchain_digest=DIGEST,
        rerun=0,
        created=ago(4),
        retries=2,
    )
    return replace(view, **changes)


def pod(build: Any = None, upload: Any = None, **changes: Any) -> PodView:
    """A pod of ``job()``; a number is an exit code, True a running container."""
    ended = isinstance(build, int) and isinstance(upload, int) and True not in (build, upload)
    failed = ended and (build, upload) != (0, 0)
    view = PodView(
        name="pod-1",
        uid="uid-pod",
        owner_uid="uid-job",
        compile_job=KEY,
        created=ago(4),
        phase="Failed" if failed else "Succeeded" if ended else "Pending",
        node="node-a",
        build=_container(build),
        upload=_container(upload),
    )
    return replace(view, **changes)


def stored(*, size: int | None = 12, **changes: Any) -> StoredResult:
    """A good result that was finished two seconds ago, and the size of the firmware beside it."""
    values: dict[str, Any] = {
        "key": KEY,
        "keyboard": KEYBOARD,
        "firmware_commit": COMMIT,
        "toolchain_digest": DIGEST,
        "reason": Reason.COMPLETED,
        "message": "built",
        "returncode": 0,
        "command": ("qmk",),
        "started": ago(3),
        "finished": ago(2),
        "log": Artifact(1, "2" * 64),
        "firmware": Firmware("hex", 12, "3" * 64),
    }
    return StoredResult(BuildResult(**(values | changes)), size)


def compile_error() -> StoredResult:
    return stored(size=None, reason=Reason.COMPILE_ERROR, message="no", firmware=None)


def _container(state: Any) -> ContainerView:
    if isinstance(state, ContainerView):
        return state
    if state is None:
        return ContainerView()
    if state is True:
        return ContainerView(started=ago(3))
    return ContainerView(started=ago(3), exit_code=state)
