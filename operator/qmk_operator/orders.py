"""The two work orders of a build pod, and how long it may take over them."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from qmk_contract import artifacts
from qmk_contract.record_pointer import RecordPointer
from qmk_contract.snapshot import Layer
from qmk_contract.work_order import BuildOrder, Fetch, UploadOrder
from qmk_operator.request import BuildRequest
from qmk_operator.settings import PodSettings

#: What a pod leaves in S3: every object of a build but the request.
_TARGETS = (
    artifacts.FIRMWARE,
    artifacts.LOG,
    artifacts.FAILED_LOG,
    artifacts.KEYMAP_C,
    artifacts.RESULT,
)
#: From the pod's creation to its first line of work, without pulling the image; and unpacking.
_START_SECONDS = 60
#: The Job controller's pause before the first and second retry, and a little for itself.
_RETRY_SECONDS = 40
#: How long URLs outlive the Job: for the clocks of storage and operator to differ.
_URL_SLACK_SECONDS = 300


class Presigner(Protocol):
    """Makes URLs that read or write one object without any credential."""

    def presign_get(self, object_key: str, seconds: int) -> str: ...

    def presign_put(self, object_key: str, content_type: str, seconds: int) -> str: ...


@dataclass(frozen=True)
class Run:
    """One run of a build: its bounds in seconds, when it was asked for and when it got its slot.

    ``deadline_seconds`` bounds its Job, ``timeout_seconds`` the build itself.
    """

    timeout_seconds: int
    deadline_seconds: int
    requested: datetime
    admitted: datetime


@dataclass(frozen=True)
class Orders:
    """What ``build`` and ``upload`` are told."""

    build: BuildOrder
    upload: UploadOrder


def deadline_seconds(
    timeout_seconds: int, pod: PodSettings, *, infra_retries: int, image_pull_seconds: int
) -> int:
    """The Job's activeDeadlineSeconds: above all that its pods may take, retries included."""
    once = _START_SECONDS + pod.fetch_seconds + timeout_seconds + pod.upload_seconds
    return image_pull_seconds + (infra_retries + 1) * once + infra_retries * _RETRY_SECONDS


def make_orders(
    request: BuildRequest,
    record: RecordPointer | None,
    run: Run,
    pod: PodSettings,
    presigner: Presigner,
) -> Orders:
    """The orders for one Job; their URLs outlive its deadline.

    ``record`` is the keyboard's record, where there is one. Where there is none, a build that
    may leave one gets the URLs to store it; no other build ever does.
    """
    seconds = run.deadline_seconds + _URL_SLACK_SECONDS
    identity = request.record
    recording = record is None and request.may_record

    def fetch(object_key: str, sha256: str, size: int) -> Fetch:
        return Fetch(presigner.presign_get(object_key, seconds), sha256, size)

    def fetch_layer(layer: Layer) -> Fetch:
        return fetch(layer.key, layer.sha256, layer.size)

    document = request.document
    build = BuildOrder(
        key=request.key,
        keyboard=request.keyboard,
        keymap_name=request.keymap_name,
        firmware_commit=request.firmware_commit,
        toolchain_digest=request.toolchain_digest,
        request=fetch(
            artifacts.build(request.key, artifacts.REQUEST),
            hashlib.sha256(document).hexdigest(),
            len(document),
        ),
        layers=tuple(map(fetch_layer, request.layers)),
        timeout_seconds=run.timeout_seconds,
        fetch_seconds=pod.fetch_seconds,
        log_bytes=pod.log_bytes,
        make_jobs=pod.make_jobs,
        generator=None if identity is None else fetch_layer(identity.generator),
        record=None
        if identity is None or record is None
        else fetch(identity.object_key, record.sha256, record.size),
        record_digest="" if identity is None else identity.digest,
        recording=recording,
        sandbox=pod.sandbox,
        requested=run.requested,
        admitted=run.admitted,
    )
    stored = {name: artifacts.build(request.key, name) for name in _TARGETS}
    if recording and identity is not None:
        stored[artifacts.RECORD] = identity.object_key
        stored[artifacts.RECORD_POINTER] = identity.pointer_key
    upload = UploadOrder(
        key=request.key,
        targets={
            name: presigner.presign_put(object_key, artifacts.CONTENT_TYPES[name], seconds)
            for name, object_key in stored.items()
        },
        build_seconds=_START_SECONDS + pod.fetch_seconds + run.timeout_seconds,
        upload_seconds=pod.upload_seconds,
    )
    return Orders(build, upload)
