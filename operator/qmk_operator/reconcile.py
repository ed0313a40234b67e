"""The operator's rule: what to do about one CompileJob, from what is. Pure."""

from datetime import datetime, timedelta
from typing import Any

from qmk_contract.compile_job import CompileJob
from qmk_contract.errors import RequestError
from qmk_contract.names import job_name
from qmk_contract.phases import Phase, Reason
from qmk_contract.result import BuildResult, Diagnostic
from qmk_operator.decision import (
    BEGUN,
    CreateJob,
    Decision,
    DeleteCompileJob,
    DeleteJob,
    Need,
    Observed,
    Slot,
)
from qmk_operator.pause import claimed_from, idle
from qmk_operator.progress import STARTING_SECONDS, attempts, follow, gave_way, identity, run_times
from qmk_operator.request import BuildRequest
from qmk_operator.results import StoredResult, ended, fault
from qmk_operator.status import finished, on_the_way, restarted

#: A Job that somebody keeps deleting is not made for ever.
_LOST_MAX = 6
_FROM_STORAGE = frozenset({Need.REQUEST, Need.RESULT, Need.RECORD})
_STORAGE_MESSAGE = "storage does not answer; this goes on by itself when it does"


def decide(job: CompileJob, seen: Observed, now: datetime, image_pull_seconds: int) -> Decision:
    """Decide the next step; doing it twice does nothing twice.

    ``image_pull_seconds`` is how long a pod may wait for its image.
    """
    if job.status.phase.final:
        return _after_the_end(job, seen, now)
    if seen.name_taken:
        message = f"another Job named {job_name(job.name, seen.rerun)} exists"
        status = finished(
            job, Phase.FAILED, Reason.JOB_NAME_TAKEN, message, now, rerun=seen.rerun
        )  # fmt: skip
        return Decision(status)
    if job.spec.cancel and not _too_late(seen):
        return _cancel(job, seen, now)
    if seen.job is None:
        decision = _without_job(job, seen, now)
    else:
        decision = follow(job, seen, seen.job, now, image_pull_seconds)
    asks_storage = decision.need in _FROM_STORAGE or isinstance(decision.action, CreateJob)
    if seen.storage_down and asks_storage:
        return _wait_for_storage(job, seen, now)
    return decision


def result_key(job: CompileJob, seen: Observed) -> str | None:
    """The build whose result counts for a job now.

    A Job that runs, or ran until it vanished, keeps its key when a new toolchain came since.
    """
    if seen.job is not None:
        return seen.job.build_key
    if job.status.phase in BEGUN and job.status.build_key is not None:
        return job.status.build_key
    return seen.request.key if isinstance(seen.request, BuildRequest) else None


def _after_the_end(job: CompileJob, seen: Observed, now: datetime) -> Decision:
    if job.spec.rerun > job.status.rerun and not job.spec.cancel:
        return Decision(restarted(job, now), requeue_seconds=0)
    if seen.job is not None and not seen.job.deleted and not _over(seen):
        return Decision(action=DeleteJob(seen.job), requeue_seconds=0)
    ended_at = job.status.timestamps.finished or job.created
    left = ended_at + timedelta(seconds=job.spec.ttl_seconds_after_finished) - now
    if left > timedelta(0):
        return Decision(requeue_seconds=left.total_seconds())
    return Decision(action=DeleteCompileJob())


def _over(seen: Observed) -> bool:
    """Whether nothing of the Job is left to stop."""
    if seen.job is None:
        return False
    return seen.job.finished or (seen.pod is not None and seen.pod.over)


def _too_late(seen: Observed) -> bool:
    """Whether a cancel changes nothing any more: a pod that was lost has a successor to come."""
    if seen.job is None:
        return False
    return seen.job.finished or (seen.pod is not None and seen.pod.succeeded)


def _cancel(job: CompileJob, seen: Observed, now: datetime) -> Decision:
    """A result that has landed already wins; a storage that does not answer stops no cancel."""
    action = None
    if seen.job is not None:
        if not seen.result_read and not seen.storage_down:
            return Decision(need=Need.RESULT)
        if (stored := _usable(job, seen)) is not None:
            return _collect(job, seen, stored, now)
        action = None if seen.job.deleted else DeleteJob(seen.job)
    status = finished(
        job, Phase.CANCELLED, Reason.CANCEL_REQUESTED, "cancelled on request", now,
        **identity(job, seen), timestamps=run_times(job, seen),
    )  # fmt: skip
    return Decision(status, action)


def _without_job(job: CompileJob, seen: Observed, now: datetime) -> Decision:
    if seen.request is None:
        return Decision(need=Need.REQUEST)
    if isinstance(seen.request, RequestError):
        return _refuse(job, seen.request, seen.rerun, now)
    if not seen.result_read:
        return Decision(need=Need.RESULT)
    stored = _usable(job, seen)
    wants_record = stored is not None and _wants_record(job, seen.request, stored.result)
    if wants_record and not seen.record_read:
        return Decision(need=Need.RECORD)
    if stored is not None and (not wants_record or seen.record is not None):
        return _collect(job, seen, stored, now)
    if job.status.phase in BEGUN and seen.gives_way:
        return Decision(gave_way(job, seen, now))
    if job.status.phase in BEGUN:
        return _make_again(job, seen, seen.request, now)
    return _admit(job, seen, seen.request, now)


def _make_again(job: CompileJob, seen: Observed, request: BuildRequest, now: datetime) -> Decision:
    """The Job of a run that has begun is gone, and so is what it might have left."""
    if job.status.attempts.infra >= _LOST_MAX:
        lost = f"gave up after {job.status.attempts.infra} pods and Jobs were lost"
        return Decision(finished(job, Phase.FAILED, Reason.INFRA_RETRIES_EXHAUSTED, lost, now))
    if _record_unknown(seen, request):
        return Decision(need=Need.RECORD)
    status = on_the_way(
        job, Phase.STARTING, Reason.RETRYING, "the Job was gone and is made again", now,
        **_resolved(seen, request), attempts=attempts(job, seen, lost=1),
    )  # fmt: skip
    create = CreateJob(request, seen.rerun, seen.record)
    return Decision(status, create, requeue_seconds=STARTING_SECONDS)


def _admit(job: CompileJob, seen: Observed, request: BuildRequest, now: datetime) -> Decision:
    resolved = _resolved(seen, request)
    if job.spec.firmware_commit is None and job.status.firmware_commit is None:
        # The channel may move: settle on a commit before anything is made of it.
        message = "the request was accepted"
        status = on_the_way(job, Phase.PENDING, Reason.WAITING_FOR_SLOT, message, now, **resolved)
        return Decision(status, requeue_seconds=0)
    left = claimed_from(job) - now
    if idle(job) and left > timedelta(0):
        return Decision(requeue_seconds=left.total_seconds())
    if seen.slot is None:
        return Decision(need=Need.SLOT)
    if seen.slot is Slot.FREE:
        if _record_unknown(seen, request):
            return Decision(need=Need.RECORD)
        action = CreateJob(request, seen.rerun, seen.record)
        return Decision(action=action, requeue_seconds=STARTING_SECONDS)
    same = seen.slot is Slot.SAME_BUILD
    reason = Reason.SAME_BUILD_RUNNING if same else Reason.WAITING_FOR_SLOT
    message = "the same build runs already" if same else "all build slots are taken"
    return Decision(on_the_way(job, Phase.QUEUED, reason, message, now, **resolved))


def _wants_record(job: CompileJob, request: BuildRequest, result: BuildResult) -> bool:
    """Whether a job is there for a keyboard's record, so that a result alone is no answer.

    Firmware that was built without leaving one is built again. What this job's own build left,
    whose Job has vanished, is all that there will be; and a keyboard that does not compile has
    no record.
    """
    if not request.may_record or not result.succeeded:
        return False
    begun = job.status.timestamps.started if job.status.phase in BEGUN else None
    return begun is None or result.finished < begun


def _record_unknown(seen: Observed, request: BuildRequest) -> bool:
    return request.record is not None and not seen.record_read


def _resolved(seen: Observed, request: BuildRequest) -> dict[str, Any]:
    return {
        "build_key": request.key,
        "firmware_commit": request.firmware_commit,
        "rerun": seen.rerun,
    }


def _refuse(job: CompileJob, error: RequestError, rerun: int, now: datetime) -> Decision:
    told = Diagnostic("error", error.message)
    status = finished(
        job, Phase.FAILED, error.reason, error.message, now, rerun=rerun,
        diagnostics=tuple(item for item in error.diagnostics if item != told),
    )  # fmt: skip
    return Decision(status)


def _collect(job: CompileJob, seen: Observed, stored: StoredResult, now: datetime) -> Decision:
    cached = seen.job is None and job.status.phase not in BEGUN
    changes = identity(job, seen) | {"build_key": stored.result.key}
    if isinstance(seen.request, BuildRequest) and changes["firmware_commit"] is None:
        changes["firmware_commit"] = seen.request.firmware_commit
    return Decision(
        ended(job, stored, now, cached=cached, **changes, timestamps=run_times(job, seen))
    )


def _usable(job: CompileJob, seen: Observed) -> StoredResult | None:
    """The result in storage, if it answers this run: a rerun wants one that is newer."""
    key = result_key(job, seen)
    if seen.result is None or key is None or fault(seen.result, key, None) is not None:
        return None
    asked = job.status.timestamps.queued
    if seen.rerun and asked is not None and seen.result.result.finished < asked:
        return None
    return seen.result


def _wait_for_storage(job: CompileJob, seen: Observed, now: datetime) -> Decision:
    phase = job.status.phase
    if seen.job is None and phase not in BEGUN:
        phase = Phase.QUEUED
    status = on_the_way(
        job, phase, Reason.WAITING_FOR_STORAGE, _STORAGE_MESSAGE, now,
        **identity(job, seen), timestamps=run_times(job, seen),
    )  # fmt: skip
    return Decision(status, retry=True)
