"""What a decision needs to know of a Job and its pods, read from the API server's objects."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from qmk_contract.codec import parse_time
from qmk_contract.names import (
    BUILD_CONTAINER,
    BUILD_KEY_LABEL,
    COMPILE_JOB_LABEL,
    RERUN_LABEL,
    TOOLCHAIN_DIGEST_ANNOTATION,
    UPLOAD_CONTAINER,
)

#: Reasons of a waiting container whose image does not arrive, as the kubelet names them in
#: https://github.com/kubernetes/kubernetes/blob/v1.34.4/pkg/kubelet/images/types.go
IMAGE_PULL_REASONS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "InvalidImageName",
        "ErrImageNeverPull",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)

#: Reasons of a waiting container that the node has an image for, but cannot start.
START_REASONS = frozenset(
    {"CreateContainerError", "CreateContainerConfigError", "RunContainerError"}
)


@dataclass(frozen=True)
class ContainerView:
    """A container: waiting (with a reason), running (since), or terminated (with a code)."""

    waiting_reason: str | None = None
    started: datetime | None = None
    exit_code: int | None = None
    exit_reason: str | None = None

    @property
    def running(self) -> bool:
        return self.started is not None and self.exit_code is None

    @property
    def terminated(self) -> bool:
        return self.exit_code is not None


@dataclass(frozen=True)
class PodView:
    """A build pod. ``disruption`` is the reason of its DisruptionTarget condition."""

    name: str
    uid: str
    owner_uid: str
    compile_job: str
    created: datetime
    phase: str
    node: str | None = None
    deleted: bool = False
    deletion: datetime | None = None
    reason: str | None = None
    disruption: str | None = None
    unschedulable: bool = False
    build: ContainerView = ContainerView()
    upload: ContainerView = ContainerView()

    @property
    def succeeded(self) -> bool:
        """Whether both containers ended well, be the pod's own phase there yet or not."""
        both = self.build.exit_code == 0 and self.upload.exit_code == 0
        return both or self.phase == "Succeeded"

    @property
    def over(self) -> bool:
        """Whether none of its containers runs any more or will."""
        both = self.build.terminated and self.upload.terminated
        return both or self.phase in ("Succeeded", "Failed")


@dataclass(frozen=True)
class JobView:
    """A Job. ``failure`` is the reason of its failing, from when the Job controller knows it.

    ``retries`` is how many pods it may lose before it fails.
    """

    name: str
    uid: str
    owner_uid: str | None
    compile_job: str
    build_key: str
    toolchain_digest: str
    rerun: int
    created: datetime
    complete: bool = False
    retries: int = 0
    failure: str | None = None
    failure_message: str = ""
    deleted: bool = False

    @property
    def finished(self) -> bool:
        return self.complete or self.failure is not None


def job_view(body: Mapping[str, Any]) -> JobView:
    """Read a Job of ours; of one that is not, the labels are empty."""
    metadata = body["metadata"]
    labels = metadata.get("labels") or {}
    conditions = _conditions(body)
    failing = conditions.get("Failed") or conditions.get("FailureTarget")
    return JobView(
        name=metadata["name"],
        uid=metadata["uid"],
        owner_uid=_controller_uid(metadata),
        compile_job=labels.get(COMPILE_JOB_LABEL, ""),
        build_key=labels.get(BUILD_KEY_LABEL, ""),
        toolchain_digest=(metadata.get("annotations") or {}).get(TOOLCHAIN_DIGEST_ANNOTATION, ""),
        rerun=_number(labels.get(RERUN_LABEL)),
        created=parse_time(metadata["creationTimestamp"]),
        retries=int((body.get("spec") or {}).get("backoffLimit", 0)),
        complete="Complete" in conditions or "SuccessCriteriaMet" in conditions,
        failure=None if failing is None else str(failing.get("reason") or "Failed"),
        failure_message="" if failing is None else str(failing.get("message") or ""),
        deleted="deletionTimestamp" in metadata,
    )


def pod_view(body: Mapping[str, Any]) -> PodView:
    """Read a pod of one of our Jobs."""
    metadata = body["metadata"]
    status = body.get("status") or {}
    conditions = _conditions(body)
    containers = {item["name"]: item for item in status.get("containerStatuses") or ()}
    scheduled = _condition(body, "PodScheduled") or {}
    return PodView(
        name=metadata["name"],
        uid=metadata["uid"],
        owner_uid=_controller_uid(metadata) or "",
        compile_job=(metadata.get("labels") or {}).get(COMPILE_JOB_LABEL, ""),
        created=parse_time(metadata["creationTimestamp"]),
        phase=str(status.get("phase") or "Pending"),
        node=(body.get("spec") or {}).get("nodeName"),
        deleted="deletionTimestamp" in metadata,
        deletion=_time(metadata.get("deletionTimestamp")),
        reason=status.get("reason"),
        disruption=(conditions.get("DisruptionTarget") or {}).get("reason"),
        unschedulable=scheduled.get("reason") == "Unschedulable",
        build=_container(containers.get(BUILD_CONTAINER)),
        upload=_container(containers.get(UPLOAD_CONTAINER)),
    )


def by_age(pods: Iterable[PodView]) -> tuple[PodView, ...]:
    """Pods with the newest last."""
    return tuple(sorted(pods, key=lambda pod: (pod.created, pod.name)))


def _container(status: Mapping[str, Any] | None) -> ContainerView:
    state = (status or {}).get("state") or {}
    if terminated := state.get("terminated"):
        started = terminated.get("startedAt")
        return ContainerView(
            started=parse_time(started) if started else None,
            exit_code=int(terminated["exitCode"]),
            exit_reason=terminated.get("reason"),
        )
    if running := state.get("running"):
        return ContainerView(started=parse_time(running["startedAt"]))
    return ContainerView(waiting_reason=(state.get("waiting") or {}).get("reason"))


def _conditions(body: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The conditions that are true, by type."""
    conditions = (body.get("status") or {}).get("conditions") or ()
    return {item["type"]: item for item in conditions if item.get("status") == "True"}


def _condition(body: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    conditions = (body.get("status") or {}).get("conditions") or ()
    return next((item for item in conditions if item["type"] == kind), None)


def _controller_uid(metadata: Mapping[str, Any]) -> str | None:
    references = metadata.get("ownerReferences") or ()
    return next((str(item["uid"]) for item in references if item.get("controller")), None)


def _time(text: Any) -> datetime | None:
    return parse_time(text) if isinstance(text, str) else None


def _number(text: Any) -> int:
    return int(text) if isinstance(text, str) and text.isdecimal() else 0
