"""What to do while a CompileJob's Job is there: follow its pods to the end. Pure."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from qmk_contract.compile_job import Attempts, CompileJob, CompileJobStatus, Timestamps
from qmk_contract.phases import ConditionType, Phase, Reason
from qmk_operator.decision import Decision, DeleteJob, Need, Observed
from qmk_operator.failures import (
    Failure,
    image_pull_failure,
    job_failure,
    node_gone,
    not_retried,
    pod_failure,
    storage_failed,
)
from qmk_operator.observation import JobView, PodView
from qmk_operator.results import ended, fault
from qmk_operator.status import finished, on_the_way

#: A pod that starts sooner never shows as Starting: one write fewer for nearly every job. The
#: API server's times are whole seconds, so this is one to two seconds.
STARTING_SECONDS = 2.0
#: How long a node that was lost may take to come back and end its pod itself.
_NODE_GRACE_SECONDS = 60
_STORAGE_WAS_AWAY = "storage was away while the build ran; it is built again when storage answers"
_GAVE_WAY = "it gave its build slot to a build that somebody waits for"


def follow(
    job: CompileJob, seen: Observed, child: JobView, now: datetime, image_pull_seconds: int
) -> Decision:
    """Decide while ``child``, the Job of the current run, exists."""
    pod = seen.pod
    if child.complete or (pod is not None and pod.succeeded):
        return _collect(job, seen, child, now)
    if pod is not None and (failure := not_retried(pod)) is not None:
        return _failed(job, seen, failure, now)
    if child.failure is not None:
        return _job_failed(job, seen, child, now)
    if child.deleted:
        return Decision(requeue_seconds=STARTING_SECONDS)
    if seen.gives_way and not _only_uploads(pod):
        return Decision(gave_way(job, seen, now), DeleteJob(child))
    if pod is None:
        return _starting(job, seen, child, _pod_message(pod), now)
    return _under_way(job, seen, child, pod, now, image_pull_seconds)


def _under_way(
    job: CompileJob,
    seen: Observed,
    child: JobView,
    pod: PodView,
    now: datetime,
    image_pull_seconds: int,
) -> Decision:
    """Decide while the Job has a pod and no end."""
    if node_gone(pod):
        return _leave_node(job, seen, child, pod, now)
    if (failure := image_pull_failure(pod)) is not None:
        left = pod.created + timedelta(seconds=image_pull_seconds) - now
        if left <= timedelta(0):
            return _failed(job, seen, failure, now)
        starting = _starting(job, seen, child, failure.message, now)
        return replace(starting, requeue_seconds=left.total_seconds())
    if not pod.over and pod.build.started is not None:
        return Decision(_running(job, seen, pod, now))
    return _starting(job, seen, child, _pod_message(pod), now)


def _leave_node(
    job: CompileJob, seen: Observed, child: JobView, pod: PodView, now: datetime
) -> Decision:
    """The pod of a dead node never says that it ended, so its Job is made again elsewhere."""
    status = on_the_way(
        job, Phase.STARTING, Reason.RETRYING, f"the node {pod.node or ''} was lost", now,
        **identity(job, seen), timestamps=run_times(job, seen),
    )  # fmt: skip
    left = (pod.deletion or pod.created) + timedelta(seconds=_NODE_GRACE_SECONDS) - now
    if left > timedelta(0):
        return Decision(status, requeue_seconds=left.total_seconds())
    return Decision(status, DeleteJob(child), requeue_seconds=STARTING_SECONDS)


def identity(job: CompileJob, seen: Observed) -> dict[str, Any]:
    """Fields of the status that say which build, Job and pod it is about."""
    changes: dict[str, Any] = {
        "rerun": seen.rerun,
        "firmware_commit": job.spec.firmware_commit or job.status.firmware_commit,
    }
    if seen.job is not None:
        changes |= {
            "build_key": seen.job.build_key,
            "job_name": seen.job.name,
            "attempts": attempts(job, seen),
        }
    if seen.pod is not None:
        changes |= {"pod_name": seen.pod.name, "node_name": seen.pod.node}
    return changes


def requeued(
    job: CompileJob, seen: Observed, reason: Reason, message: str, now: datetime
) -> CompileJobStatus:
    """The status of a job that loses its Job and will be built again."""
    gone = {"job_name": None, "pod_name": None, "node_name": None}
    waited = job.status.condition(ConditionType.ADMITTED)
    if (
        waited is not None
        and seen.job is not None
        and waited.last_transition_time < seen.job.created
    ):
        # It was admitted since, be that as quick as to go unsaid.
        conditions = tuple(item for item in job.status.conditions if item is not waited)
        job = replace(job, status=replace(job.status, conditions=conditions))
    return on_the_way(
        job, Phase.QUEUED, reason, message, now,
        **identity(job, seen) | gone, timestamps=replace(job.status.timestamps, started=None),
    )  # fmt: skip


def gave_way(job: CompileJob, seen: Observed, now: datetime) -> CompileJobStatus:
    """The status of a job whose slot goes to one that somebody waits for."""
    return requeued(job, seen, Reason.WAITING_FOR_SLOT, _GAVE_WAY, now)


def run_times(job: CompileJob, seen: Observed) -> Timestamps:
    """The timestamps with the start of the first build, once there is one."""
    starts = [pod.build.started for pod in seen.pods if pod.build.started is not None]
    times = job.status.timestamps
    return replace(times, started=times.started or min(starts, default=None))


def attempts(job: CompileJob, seen: Observed, *, lost: int = 0) -> Attempts:
    """Count pods that compiled to an end, and lost ones, pods that are forgotten included."""
    over = [pod for pod in seen.pods if pod.over]
    built = sum(1 for pod in over if pod.succeeded or not_retried(pod) is not None)
    known = job.status.attempts
    return Attempts(max(known.build, built), max(known.infra, len(over) - built) + lost)


def _collect(job: CompileJob, seen: Observed, child: JobView, now: datetime) -> Decision:
    if not seen.result_read:
        return Decision(need=Need.RESULT)
    if seen.result is None:
        return _failed(job, seen, _missing("the build's result is not in storage"), now)
    if (problem := fault(seen.result, child.build_key, child.toolchain_digest)) is not None:
        return _failed(job, seen, _missing(problem), now)
    changes = identity(job, seen)
    times = run_times(job, seen)
    return Decision(ended(job, seen.result, now, cached=False, **changes, timestamps=times))


def _missing(message: str) -> Failure:
    return Failure(Reason.ARTIFACT_MISSING, message)


def _job_failed(job: CompileJob, seen: Observed, child: JobView, now: datetime) -> Decision:
    """A pod may be lost after its result has landed: then there is a result all the same."""
    if not seen.result_read:
        return Decision(need=Need.RESULT)
    landed = seen.result is not None and seen.rerun == 0
    if landed and seen.result is not None and fault(seen.result, child.build_key, None) is None:
        return _collect(job, seen, child, now)
    if storage_failed(seen.pods):
        action = None if child.deleted else DeleteJob(child)
        if job.status.phase is Phase.QUEUED:
            return Decision(action=action, requeue_seconds=STARTING_SECONDS)
        # Nothing is wrong with the request: it waits until storage answers.
        status = requeued(job, seen, Reason.WAITING_FOR_STORAGE, _STORAGE_WAS_AWAY, now)
        return Decision(status, action, requeue_seconds=STARTING_SECONDS)
    return _failed(job, seen, job_failure(child, seen.pods), now)


def _failed(job: CompileJob, seen: Observed, failure: Failure, now: datetime) -> Decision:
    status = finished(
        job, failure.phase, failure.reason, failure.message, now,
        **identity(job, seen), timestamps=run_times(job, seen),
    )  # fmt: skip
    return Decision(status)


def _running(job: CompileJob, seen: Observed, pod: PodView, now: datetime) -> CompileJobStatus:
    return on_the_way(
        job, Phase.RUNNING, Reason.BUILDING, f"the build runs on {pod.node or 'a node'}", now,
        **identity(job, seen), timestamps=run_times(job, seen),
    )  # fmt: skip


def _starting(
    job: CompileJob, seen: Observed, child: JobView, message: str, now: datetime
) -> Decision:
    causes = [cause for pod in seen.pods if (cause := pod_failure(pod)) is not None]
    if len(causes) > child.retries:
        return Decision()  # the Job is about to be declared failed
    young = child.created + timedelta(seconds=STARTING_SECONDS) - now
    if not causes and young > timedelta(0) and job.status.phase in (Phase.PENDING, Phase.QUEUED):
        return Decision(requeue_seconds=young.total_seconds())
    reason = Reason.RETRYING if causes or _was_lost(job) else Reason.WAITING_FOR_POD
    if causes:
        message = f"attempt {len(causes) + 1}, because {causes[-1].message}"
    status = on_the_way(
        job, Phase.STARTING, reason, message, now,
        **identity(job, seen), timestamps=run_times(job, seen),
    )  # fmt: skip
    return Decision(status)


def _only_uploads(pod: PodView | None) -> bool:
    return pod is not None and not pod.over and pod.build.exit_code == 0


def _was_lost(job: CompileJob) -> bool:
    return job.status.reason is Reason.RETRYING


def _pod_message(pod: PodView | None) -> str:
    if pod is not None and pod.unschedulable:
        return "no node has room for the build now"
    return "the pod is starting"
