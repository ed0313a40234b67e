"""Why a pod or a Job failed, in the words of the contract: first the cluster's part, then ours."""

from collections.abc import Sequence
from dataclasses import dataclass

from qmk_contract.exit_codes import KILLED, NOT_RETRIED, REASONS, ExitCode
from qmk_contract.phases import Phase, Reason
from qmk_operator.observation import (
    IMAGE_PULL_REASONS,
    START_REASONS,
    ContainerView,
    JobView,
    PodView,
)

#: Reasons of a DisruptionTarget condition that speak of a node that is gone; see
#: https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions
_NODE_GONE = frozenset({"DeletionByTaintManager", "DeletionByPodGC"})
_OOM_KILLED = "OOMKilled"

_MESSAGES = {
    ExitCode.BAD_ORDER: "the toolchain image does not understand the operator's work order",
    ExitCode.FETCH_FAILED: "the firmware tree could not be fetched from storage",
    ExitCode.UPLOAD_FAILED: "storage did not take the build's files",
    ExitCode.NO_RESULT: "the build ended without leaving a result",
    ExitCode.OUT_OF_DISK: "the build found no space left on its scratch volume",
    ExitCode.TIMED_OUT: "the build ran into its time limit",
    ExitCode.NO_SANDBOX: "the node's kernel cannot contain a build as the order requires",
    ExitCode.LIMIT_EXCEEDED: "the build took more processes, disk or output than a build may",
}


@dataclass(frozen=True)
class Failure:
    """How to tell a failure: the reason and one sentence."""

    reason: Reason
    message: str

    @property
    def phase(self) -> Phase:
        timed_out = self.reason is Reason.TIME_LIMIT_EXCEEDED
        return Phase.TIMED_OUT if timed_out else Phase.FAILED


def pod_failure(pod: PodView) -> Failure | None:
    """Why a pod ended without success; None if it succeeded or is not over."""
    if not pod.over or pod.succeeded:
        return None
    return _disruption(pod) or _container_failure(pod)


def not_retried(pod: PodView) -> Failure | None:
    """The failure of a pod that any other pod would share, as the podFailurePolicy has it."""
    if not pod.over or _disruption(pod) is not None:
        return None
    code = pod.build.exit_code
    return _container_failure(pod) if code in NOT_RETRIED or code == KILLED else None


def node_gone(pod: PodView) -> bool:
    """Whether a pod is to be deleted because of its node, which cannot say that it ended."""
    return pod.deleted and not pod.over and pod.disruption in _NODE_GONE


def storage_failed(pods: Sequence[PodView]) -> bool:
    """Whether storage alone kept all pods of a Job from an end.

    The containers say so by their exit codes; an upload that was killed is another thing.
    """
    over = [pod for pod in pods if pod.over and not pod.succeeded]
    return bool(over) and all(_storage_failed(pod) for pod in over)


def _storage_failed(pod: PodView) -> bool:
    if _disruption(pod) is not None:
        return False
    if pod.build.exit_code:
        return pod.build.exit_code == ExitCode.FETCH_FAILED
    return pod.upload.exit_code == ExitCode.UPLOAD_FAILED


def job_failure(job: JobView, pods: Sequence[PodView]) -> Failure:
    """Why a Job failed; ``pods`` are what is left of its pods, the newest last."""
    causes = [failure for pod in pods if (failure := pod_failure(pod)) is not None]
    for pod in pods:
        if (failure := not_retried(pod)) is not None:
            return failure
    if job.failure == "DeadlineExceeded":
        return _deadline_exceeded(pods)
    if causes and job.retries == 0:
        return causes[-1]
    last = causes[-1].message if causes else job.failure_message or str(job.failure)
    return Failure(
        Reason.INFRA_RETRIES_EXHAUSTED, f"gave up after {job.retries + 1} pods; the last: {last}"
    )


def image_pull_failure(pod: PodView) -> Failure | None:
    """The failure of a pod whose image does not arrive or whose container does not start."""
    for container in (pod.build, pod.upload):
        if container.waiting_reason in START_REASONS:
            return Failure(
                Reason.INFRA_RETRIES_EXHAUSTED,
                f"the node cannot start the build: {container.waiting_reason}",
            )
        if container.waiting_reason in IMAGE_PULL_REASONS:
            return Failure(
                Reason.IMAGE_PULL_FAILED,
                f"the node cannot get the toolchain image: {container.waiting_reason}",
            )
    return None


def _disruption(pod: PodView) -> Failure | None:
    if pod.disruption in _NODE_GONE or pod.reason == "NodeLost":
        return Failure(Reason.NODE_LOST, f"the node {pod.node or ''} was lost".replace("  ", " "))
    if pod.disruption or pod.reason:
        return Failure(Reason.EVICTED, f"the pod was evicted: {pod.disruption or pod.reason}")
    if pod.deleted:
        return Failure(Reason.EVICTED, "the pod was deleted while it ran")
    return None


def _container_failure(pod: PodView) -> Failure | None:
    if pod.build.exit_code:
        return _exit_failure("build", pod.build)
    if pod.upload.exit_code:
        return _exit_failure("upload", pod.upload)
    if pod.phase == "Failed":
        return Failure(Reason.NODE_LOST, "the pod failed without saying why")
    return None


def _exit_failure(name: str, container: ContainerView) -> Failure:
    code = container.exit_code
    building = name == "build"
    if container.exit_reason == _OOM_KILLED or code in (ExitCode.OUT_OF_MEMORY, KILLED):
        if building:
            message = "the build needed more memory than its pod may use"
            return Failure(Reason.OUT_OF_MEMORY, message)
        return Failure(Reason.UPLOAD_FAILED, "the upload was killed")
    if code in REASONS:
        known = ExitCode(code)
        return Failure(REASONS[known], _MESSAGES[known])
    reason = Reason.ARTIFACT_MISSING if building else Reason.UPLOAD_FAILED
    return Failure(reason, f"the container {name} ended with exit code {code}")


def _deadline_exceeded(pods: Sequence[PodView]) -> Failure:
    for pod in pods:
        if (disruption := _disruption(pod)) is not None:
            return disruption
    if any(pod.build.started for pod in pods):
        message = "the build and its retries took longer than their Job may run"
        return Failure(Reason.TIME_LIMIT_EXCEEDED, message)
    message = "no node could start the build before its Job's deadline"
    return Failure(Reason.INFRA_RETRIES_EXHAUSTED, message)
