"""The two work orders of a build pod, and how long it may take over them."""

import hashlib
from dataclasses import dataclass
from typing import Protocol

from qmk_contract import artifacts
from qmk_contract.work_order import BuildOrder, Fetch, UploadOrder
from qmk_operator.request import BuildRequest
from qmk_operator.settings import PodSettings

#: What a pod leaves in S3: every object of a build but the request.
_TARGETS = (artifacts.FIRMWARE, artifacts.LOG, artifacts.KEYMAP_C, artifacts.RESULT)
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
    timeout_seconds: int,
    job_deadline_seconds: int,
    pod: PodSettings,
    presigner: Presigner,
) -> Orders:
    """The orders for one Job; their URLs outlive its deadline."""
    seconds = job_deadline_seconds + _URL_SLACK_SECONDS

    def fetch(object_key: str, sha256: str, size: int) -> Fetch:
        return Fetch(presigner.presign_get(object_key, seconds), sha256, size)

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
        layers=tuple(fetch(layer.key, layer.sha256, layer.size) for layer in request.layers),
        timeout_seconds=timeout_seconds,
        fetch_seconds=pod.fetch_seconds,
        log_bytes=pod.log_bytes,
        make_jobs=pod.make_jobs,
    )
    upload = UploadOrder(
        key=request.key,
        targets={
            name: presigner.presign_put(
                artifacts.build(request.key, name), artifacts.CONTENT_TYPES[name], seconds
            )
            for name in _TARGETS
        },
        build_seconds=_START_SECONDS + pod.fetch_seconds + timeout_seconds,
        upload_seconds=pod.upload_seconds,
    )
    return Orders(build, upload)
