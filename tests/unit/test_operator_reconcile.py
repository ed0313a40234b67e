"""The decision, as a table: one row per situation."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from qmk_contract.codec import to_body
from qmk_contract.compile_job import Attempts, CompileJob, Timestamps
from qmk_contract.errors import RequestError
from qmk_contract.phases import JobClass, Phase, Reason
from qmk_contract.record_pointer import RecordPointer
from qmk_operator.decision import (
    CreateJob,
    Decision,
    DeleteCompileJob,
    DeleteJob,
    Need,
    Observed,
    Slot,
    current_run,
)
from qmk_operator.observation import ContainerView
from qmk_operator.reconcile import decide
from qmk_operator.status import merge_patch
from tests.unit.operator_objects import (
    COMMIT,
    DIGEST,
    KEY,
    NOW,
    POINTER,
    RECORD,
    REQUEST,
    ago,
    compile_error,
    compile_job,
    job,
    pod,
    stored,
)

IMAGE_PULL_SECONDS = 180
READY: dict[str, Any] = {"request": REQUEST, "result_read": True}
#: A record can serve the build; the build may leave one.
FITS: dict[str, Any] = READY | {"request": replace(REQUEST, record=RECORD)}
RECORDS: dict[str, Any] = READY | {"request": replace(REQUEST, record=RECORD, may_record=True)}


def seen(rerun: int = 0, **changes: Any) -> Observed:
    return Observed(rerun=rerun, **changes)


def decided(subject: CompileJob, observed: Observed) -> Decision:
    return decide(subject, observed, NOW, IMAGE_PULL_SECONDS)


@dataclass(frozen=True)
class Row:
    """A situation and what is expected; fields that are not given must be absent."""

    subject: CompileJob
    observed: Observed
    status: tuple[Phase, Reason] | None = None
    action: type[object] | None = None
    need: Need | None = None
    retry: bool = False
    fields: dict[str, Any] = field(default_factory=dict)


NODE_LOST: dict[str, Any] = {"deleted": True, "disruption": "DeletionByTaintManager"}
UNREADY = ContainerView(waiting_reason="ImagePullBackOff")
RETRYING = Phase.STARTING, Reason.RETRYING
RUNNING = Phase.RUNNING, Reason.BUILDING
COMPLETED = Phase.SUCCEEDED, Reason.COMPLETED
WAITS_FOR_STORAGE = Reason.WAITING_FOR_STORAGE

ROWS = {
    # Before there is a Job
    "new": Row(compile_job(), seen(), need=Need.REQUEST),
    "new, request known": Row(compile_job(), seen(request=REQUEST), need=Need.RESULT),
    "new, no result yet": Row(compile_job(), seen(**READY), need=Need.SLOT),
    "slot free": Row(compile_job(), seen(**READY, slot=Slot.FREE), action=CreateJob),
    "slots full": Row(
        compile_job(),
        seen(**READY, slot=Slot.FULL),
        (Phase.QUEUED, Reason.WAITING_FOR_SLOT),
        fields={"build_key": KEY, "firmware_commit": COMMIT},
    ),
    "same build runs": Row(
        compile_job(),
        seen(**READY, slot=Slot.SAME_BUILD),
        (Phase.QUEUED, Reason.SAME_BUILD_RUNNING),
    ),
    "queued, slot free": Row(
        compile_job(Phase.QUEUED), seen(**READY, slot=Slot.FREE), action=CreateJob
    ),
    "channel's commit is settled first": Row(
        compile_job(firmware_commit=None),
        seen(**READY, slot=Slot.FREE),
        (Phase.PENDING, Reason.WAITING_FOR_SLOT),
        fields={"firmware_commit": COMMIT},
    ),
    "channel's commit is settled": Row(
        compile_job(firmware_commit=None, status={"firmware_commit": COMMIT}),
        seen(**READY, slot=Slot.FREE),
        action=CreateJob,
    ),
    "result is there": Row(
        compile_job(),
        seen(**READY, result=stored()),
        (Phase.SUCCEEDED, Reason.CACHED),
        fields={"cached": True, "firmware_commit": COMMIT, "build_key": KEY},
    ),
    "user's fault is there": Row(
        compile_job(),
        seen(**READY, result=compile_error()),
        (Phase.FAILED, Reason.COMPILE_ERROR),
        fields={"cached": True},
    ),
    "result without its firmware counts for nothing": Row(
        compile_job(), seen(**READY, result=stored(size=None)), need=Need.SLOT
    ),
    "request refused": Row(
        compile_job(),
        seen(request=RequestError(Reason.UNKNOWN_LAYOUT, "no such layout")),
        (Phase.FAILED, Reason.UNKNOWN_LAYOUT),
    ),
    "storage down": Row(
        compile_job(),
        seen(storage_down=True),
        (Phase.QUEUED, WAITS_FOR_STORAGE),
        retry=True,
    ),
    "storage down at the request": Row(
        compile_job(),
        seen(**READY, slot=Slot.FREE, storage_down=True),
        (Phase.QUEUED, WAITS_FOR_STORAGE),
        retry=True,
    ),
    "name taken": Row(
        compile_job(), seen(**READY, name_taken=True), (Phase.FAILED, Reason.JOB_NAME_TAKEN)
    ),
    "cancelled before its Job": Row(
        compile_job(Phase.QUEUED, cancel=True), seen(), (Phase.CANCELLED, Reason.CANCEL_REQUESTED)
    ),
    # The keyboard's record
    "record not looked for": Row(
        compile_job(), seen(**FITS, slot=Slot.FREE), need=Need.RECORD
    ),
    "no slot, no need to look for a record": Row(
        compile_job(),
        seen(**FITS, slot=Slot.FULL),
        (Phase.QUEUED, Reason.WAITING_FOR_SLOT),
    ),
    "no record": Row(
        compile_job(), seen(**FITS, slot=Slot.FREE, record_read=True), action=CreateJob
    ),
    "a record": Row(
        compile_job(),
        seen(**FITS, slot=Slot.FREE, record_read=True, record=POINTER),
        action=CreateJob,
    ),
    "storage down at the record": Row(
        compile_job(),
        seen(**FITS, slot=Slot.FREE, storage_down=True),
        (Phase.QUEUED, WAITS_FOR_STORAGE),
        retry=True,
    ),
    "a user's result needs no record": Row(
        compile_job(), seen(**FITS, result=stored()), (Phase.SUCCEEDED, Reason.CACHED)
    ),
    "to record, result there": Row(
        compile_job(), seen(**RECORDS, result=stored()), need=Need.RECORD
    ),
    "to record, result there, no record": Row(
        compile_job(), seen(**RECORDS, result=stored(), record_read=True), need=Need.SLOT
    ),
    "to record, result there, no record, slot free": Row(
        compile_job(),
        seen(**RECORDS, result=stored(), record_read=True, slot=Slot.FREE),
        action=CreateJob,
    ),
    "to record, result and record there": Row(
        compile_job(),
        seen(**RECORDS, result=stored(), record_read=True, record=POINTER),
        (Phase.SUCCEEDED, Reason.CACHED),
    ),
    "to record, keyboard does not compile": Row(
        compile_job(),
        seen(**RECORDS, result=compile_error()),
        (Phase.FAILED, Reason.COMPILE_ERROR),
    ),
    "to record, Job vanished after its result": Row(
        compile_job(Phase.RUNNING, status={"timestamps": Timestamps(ago(5), ago(4))}),
        seen(**RECORDS, result=stored()),
        COMPLETED,
    ),
    "to record, Job vanished, result of another build": Row(
        compile_job(Phase.RUNNING, status={"timestamps": Timestamps(ago(5), ago(1))}),
        seen(**RECORDS, result=stored(), record_read=True),
        RETRYING,
        action=CreateJob,
    ),
    "pod that recorded ended": Row(
        compile_job(Phase.RUNNING),
        seen(job=job(), pods=(pod(0, 0),), result=stored(), result_read=True),
        COMPLETED,
    ),
    # The Job and its pods
    "Job just made": Row(compile_job(), seen(job=job(created=ago(0)))),
    "Job made, no pod yet": Row(
        compile_job(), seen(job=job()), (Phase.STARTING, Reason.WAITING_FOR_POD)
    ),
    "pod runs": Row(
        compile_job(),
        seen(job=job(), pods=(pod(True, True),)),
        RUNNING,
        fields={
            "node_name": "node-a",
            "pod_name": "pod-1",
            "job_name": KEY,
            "build_key": KEY,
            "timestamps": Timestamps(ago(5), ago(3)),
        },
    ),
    "build ended, upload runs": Row(
        compile_job(), seen(job=job(), pods=(pod(0, True),)), RUNNING
    ),
    "build failed, upload stores its log": Row(
        compile_job(), seen(job=job(), pods=(pod(26, True),)), RUNNING
    ),
    "pod ended": Row(
        compile_job(Phase.RUNNING), seen(job=job(), pods=(pod(0, 0),)), need=Need.RESULT
    ),
    "pod ended, result there": Row(
        compile_job(Phase.RUNNING),
        seen(job=job(), pods=(pod(0, 0),), result=stored(), result_read=True),
        COMPLETED,
        fields={"cached": False, "timestamps": Timestamps(ago(5), ago(3), NOW)},
    ),
    "Job complete, pods forgotten": Row(
        compile_job(Phase.RUNNING),
        seen(job=job(complete=True), result=stored(), result_read=True),
        COMPLETED,
    ),
    "pod ended, result missing": Row(
        compile_job(Phase.RUNNING),
        seen(job=job(), pods=(pod(0, 0),), result_read=True),
        (Phase.FAILED, Reason.ARTIFACT_MISSING),
    ),
    "pod ended, result of another toolchain": Row(
        compile_job(Phase.RUNNING),
        seen(
            job=job(toolchain_digest="sha256:" + "0" * 64),
            pods=(pod(0, 0),),
            result=stored(),
            result_read=True,
        ),
        (Phase.FAILED, Reason.ARTIFACT_MISSING),
    ),
    "pod ended, success without firmware": Row(
        compile_job(Phase.RUNNING),
        seen(job=job(), pods=(pod(0, 0),), result=stored(firmware=None), result_read=True),
        (Phase.FAILED, Reason.ARTIFACT_MISSING),
    ),
    "pod ended, result that nobody may store": Row(
        compile_job(Phase.RUNNING),
        seen(
            job=job(),
            pods=(pod(0, 0),),
            result=stored(reason=Reason.OUT_OF_MEMORY, firmware=None),
            result_read=True,
        ),
        (Phase.FAILED, Reason.ARTIFACT_MISSING),
    ),
    "pod ended, storage down": Row(
        compile_job(Phase.RUNNING),
        seen(job=job(), pods=(pod(0, 0),), storage_down=True),
        (Phase.RUNNING, WAITS_FOR_STORAGE),
        retry=True,
    ),
    "out of memory": Row(
        compile_job(Phase.RUNNING),
        seen(job=job(), pods=(pod(24, 23),)),
        (Phase.FAILED, Reason.OUT_OF_MEMORY),
    ),
    "timed out": Row(
        compile_job(Phase.RUNNING),
        seen(job=job(), pods=(pod(26, 23),)),
        (Phase.TIMED_OUT, Reason.TIME_LIMIT_EXCEEDED),
    ),
    "pod lost, retry to come": Row(
        compile_job(Phase.RUNNING), seen(job=job(), pods=(pod(21, 23),)), RETRYING
    ),
    "second pod starts": Row(
        compile_job(Phase.RUNNING),
        seen(job=job(), pods=(pod(21, 23), pod(name="pod-2"))),
        RETRYING,
        fields={"pod_name": "pod-2"},
    ),
    "second pod runs": Row(
        compile_job(Phase.STARTING),
        seen(job=job(), pods=(pod(21, 23), pod(True, True, name="pod-2"))),
        RUNNING,
    ),
    "last pod lost, verdict to come": Row(
        compile_job(Phase.RUNNING), seen(job=job(retries=0), pods=(pod(21, 23),))
    ),
    "Job failed": Row(
        compile_job(Phase.RUNNING),
        seen(job=job(failure="BackoffLimitExceeded"), pods=(pod(21, 23),)),
        need=Need.RESULT,
    ),
    "Job failed, no result": Row(
        compile_job(Phase.RUNNING),
        seen(job=job(failure="BackoffLimitExceeded"), pods=(pod(23, 23),), result_read=True),
        (Phase.FAILED, Reason.INFRA_RETRIES_EXHAUSTED),
    ),
    "storage was away for every pod": Row(
        compile_job(Phase.RUNNING),
        seen(
            job=job(failure="BackoffLimitExceeded"),
            pods=(pod(21, 23), pod(0, 22)),
            result_read=True,
        ),
        (Phase.QUEUED, Reason.WAITING_FOR_STORAGE),
        action=DeleteJob,
        fields={"attempts": Attempts(0, 2), "job_name": None, "pod_name": None},
    ),
    "upload was killed in every pod": Row(
        compile_job(Phase.RUNNING),
        seen(
            job=job(failure="BackoffLimitExceeded"),
            pods=(pod(0, ContainerView(exit_code=137), phase="Failed"),),
            result_read=True,
        ),
        (Phase.FAILED, Reason.INFRA_RETRIES_EXHAUSTED),
    ),
    "node is gone with its pod": Row(
        compile_job(Phase.RUNNING),
        seen(
            job=job(),
            pods=(pod(True, True, **NODE_LOST, deletion=ago(61)),),
        ),
        RETRYING,
        action=DeleteJob,
    ),
    "node is gone, may come back": Row(
        compile_job(Phase.RUNNING),
        seen(job=job(), pods=(pod(True, True, **NODE_LOST, deletion=ago(50)),)),
        RETRYING,
    ),
    "Job failed after its result landed": Row(
        compile_job(Phase.RUNNING),
        seen(job=job(failure="BackoffLimitExceeded"), result=stored(), result_read=True),
        COMPLETED,
    ),
    "image does not come": Row(
        compile_job(Phase.STARTING),
        seen(job=job(), pods=(pod(UNREADY, UNREADY, created=ago(IMAGE_PULL_SECONDS + 1)),)),
        (Phase.FAILED, Reason.IMAGE_PULL_FAILED),
    ),
    "image may come yet": Row(
        compile_job(),
        seen(job=job(), pods=(pod(UNREADY, UNREADY),)),
        (Phase.STARTING, Reason.WAITING_FOR_POD),
    ),
    "Job is being deleted": Row(compile_job(Phase.RUNNING), seen(job=job(deleted=True))),
    "test gives way to a user": Row(
        compile_job(Phase.RUNNING, job_class=JobClass.TEST),
        seen(job=job(), pods=(pod(True, True),), gives_way=True),
        (Phase.QUEUED, Reason.WAITING_FOR_SLOT),
        action=DeleteJob,
        fields={"job_name": None, "node_name": None, "timestamps": Timestamps(ago(5))},
    ),
    "test has compiled, its upload does not give way": Row(
        compile_job(Phase.RUNNING, job_class=JobClass.TEST),
        seen(job=job(), pods=(pod(0, True),), gives_way=True),
        (Phase.RUNNING, Reason.BUILDING),
    ),
    "test has succeeded before it gives way": Row(
        compile_job(Phase.RUNNING, job_class=JobClass.TEST),
        seen(job=job(), pods=(pod(0, 0),), gives_way=True, result=stored(), result_read=True),
        COMPLETED,
    ),
    "test has failed before it gives way": Row(
        compile_job(Phase.RUNNING, job_class=JobClass.TEST),
        seen(job=job(), pods=(pod(24, 23),), gives_way=True),
        (Phase.FAILED, Reason.OUT_OF_MEMORY),
    ),
    "test whose upload failed gives way before it is tried again": Row(
        compile_job(Phase.RUNNING, job_class=JobClass.TEST),
        seen(job=job(), pods=(pod(0, 22),), gives_way=True),
        (Phase.QUEUED, Reason.WAITING_FOR_SLOT),
        action=DeleteJob,
    ),
    "test gives way whose Job has vanished": Row(
        compile_job(Phase.RUNNING, job_class=JobClass.TEST),
        seen(request=REQUEST, result_read=True, gives_way=True),
        (Phase.QUEUED, Reason.WAITING_FOR_SLOT),
    ),
    "test gave way, Job is being deleted": Row(
        compile_job(Phase.QUEUED, job_class=JobClass.TEST),
        seen(job=job(deleted=True), gives_way=True),
    ),
    # Cancel
    "cancel while it runs": Row(
        compile_job(Phase.RUNNING, cancel=True),
        seen(job=job(), pods=(pod(True, True),)),
        need=Need.RESULT,
    ),
    "cancel while it runs, no result": Row(
        compile_job(Phase.RUNNING, cancel=True),
        seen(job=job(), pods=(pod(True, True),), result_read=True),
        (Phase.CANCELLED, Reason.CANCEL_REQUESTED),
        action=DeleteJob,
    ),
    "cancel after the result has landed": Row(
        compile_job(Phase.RUNNING, cancel=True),
        seen(job=job(), pods=(pod(0, True),), result=stored(), result_read=True),
        COMPLETED,
    ),
    "cancel between two pods": Row(
        compile_job(Phase.STARTING, cancel=True),
        seen(job=job(), pods=(pod(21, 23),), result_read=True),
        (Phase.CANCELLED, Reason.CANCEL_REQUESTED),
        action=DeleteJob,
    ),
    "cancel while storage is down": Row(
        compile_job(Phase.RUNNING, cancel=True),
        seen(job=job(), pods=(pod(True, True),), storage_down=True),
        (Phase.CANCELLED, Reason.CANCEL_REQUESTED),
        action=DeleteJob,
    ),
    "cancel after the pod ended": Row(
        compile_job(Phase.RUNNING, cancel=True),
        seen(job=job(), pods=(pod(0, 0),), result=stored(), result_read=True),
        COMPLETED,
    ),
    # The Job is gone
    "Job vanished": Row(compile_job(Phase.RUNNING), seen(request=REQUEST), need=Need.RESULT),
    "Job vanished, result there": Row(
        compile_job(Phase.RUNNING),
        seen(**READY, result=stored()),
        COMPLETED,
        fields={"cached": False},
    ),
    "Job vanished, no result": Row(
        compile_job(Phase.RUNNING), seen(**READY), RETRYING, action=CreateJob
    ),
    "Job vanished too often": Row(
        compile_job(Phase.RUNNING, status={"attempts": Attempts(0, 6)}),
        seen(**READY),
        (Phase.FAILED, Reason.INFRA_RETRIES_EXHAUSTED),
    ),
    # After the end
    "ended": Row(compile_job(Phase.SUCCEEDED), seen()),
    "ended long ago": Row(
        compile_job(Phase.SUCCEEDED, ttl_seconds_after_finished=0),
        seen(),
        action=DeleteCompileJob,
    ),
    "ended, Job still runs": Row(
        compile_job(Phase.CANCELLED, cancel=True),
        seen(job=job(), pods=(pod(True, True),)),
        action=DeleteJob,
    ),
    "ended, Job about to complete": Row(
        compile_job(Phase.SUCCEEDED), seen(job=job(), pods=(pod(0, 0),))
    ),
    "rerun of a cancelled job": Row(compile_job(Phase.CANCELLED, cancel=True, rerun=1), seen()),
    "result older than the rerun": Row(
        compile_job(rerun=1, status={"rerun": 1, "timestamps": Timestamps(ago(1))}),
        seen(1, **READY, result=stored()),
        need=Need.SLOT,
    ),
    "result newer than the rerun": Row(
        compile_job(rerun=1, status={"rerun": 1, "timestamps": Timestamps(ago(3))}),
        seen(1, **READY, result=stored()),
        (Phase.SUCCEEDED, Reason.CACHED),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_each_situation_has_its_step(name: str) -> None:
    row = ROWS[name]
    decision = decided(row.subject, row.observed)
    status = decision.status
    assert (None if status is None else (status.phase, status.reason)) == row.status
    assert (None if decision.action is None else type(decision.action)) is row.action
    assert decision.need is row.need
    assert decision.retry is row.retry
    for field_name, value in row.fields.items():
        assert getattr(status, field_name) == value


@pytest.mark.parametrize(
    "name", [name for name, row in ROWS.items() if row.status and row.action is not CreateJob]
)
def test_deciding_again_changes_nothing(name: str) -> None:
    """What was written is read back and decided on again: then there is nothing to write."""
    row = ROWS[name]
    first = decided(row.subject, row.observed).status
    assert first is not None
    again = decided(replace(row.subject, status=first), row.observed).status
    assert again is None or merge_patch(to_body(first), to_body(again)) == {}


@pytest.mark.parametrize("record", [None, POINTER])
def test_the_job_is_made_with_the_record_that_was_found(record: RecordPointer | None) -> None:
    observed = seen(**FITS, slot=Slot.FREE, record_read=True, record=record)
    for subject in (compile_job(), compile_job(Phase.RUNNING)):
        action = decided(subject, observed).action
        assert isinstance(action, CreateJob)
        assert action.record == record


def test_a_rerun_keeps_what_is_built_and_forgets_how_it_ended() -> None:
    subject = compile_job(
        Phase.FAILED, rerun=2, status={"firmware_commit": COMMIT, "node_name": "node-a"}
    )
    status = decided(subject, seen()).status
    assert status is not None
    assert (status.phase, status.rerun, status.build_key) == (Phase.PENDING, 2, KEY)
    assert (status.node_name, status.reason, status.timestamps) == (None, None, Timestamps(NOW))


def test_the_end_is_looked_at_again_when_its_time_is_over() -> None:
    assert decided(compile_job(Phase.SUCCEEDED), seen()).requeue_seconds == 59


def test_a_young_job_is_looked_at_again_instead_of_written() -> None:
    observed = seen(job=job(created=ago(0.5)))
    assert decided(compile_job(), observed).requeue_seconds == 1.5


def test_until_a_status_is_written_the_job_tells_the_run() -> None:
    raised_meanwhile = compile_job(rerun=1)
    assert current_run(raised_meanwhile, [job()]) == 0
    assert current_run(raised_meanwhile, []) == 1
    assert current_run(compile_job(Phase.RUNNING, rerun=1), [job()]) == 0


def test_attempts_never_count_back() -> None:
    subject = compile_job(Phase.RUNNING)
    observed = seen(job=job(), pods=(pod(21, 23), pod(True, True, name="pod-2")))
    first = decided(subject, observed).status
    assert first is not None
    assert (first.attempts.build, first.attempts.infra) == (0, 1)
    forgotten = seen(job=job(), pods=(pod(True, True, name="pod-2"),))
    again = decided(replace(subject, status=first), forgotten).status
    assert again is not None
    assert again.attempts == first.attempts


def test_the_toolchain_of_a_running_job_may_be_older_than_ours() -> None:
    old = "a" * 26
    observed = seen(
        job=job(build_key=old, toolchain_digest=DIGEST),
        pods=(pod(0, 0),),
        result=stored(key=old),
        result_read=True,
    )
    status = decided(compile_job(Phase.RUNNING), observed).status
    assert status is not None
    assert (status.phase, status.build_key) == (Phase.SUCCEEDED, old)
