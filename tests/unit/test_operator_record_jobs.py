"""Asking for records: after whose builds, once, never too many, never at anybody's cost."""

from typing import Any

import pytest

from qmk_contract.codec import to_body
from qmk_contract.compile_job import CompileJob, CompileJobSpec
from qmk_contract.names import COMPILE_JOB_NAME_MAX
from qmk_contract.phases import JobClass, Phase, Reason
from qmk_contract.record_job import CLIENT, record_job_name
from qmk_contract.result import BuildPath, RecordUse
from qmk_operator.cluster import ClusterError, RefusedError
from qmk_operator.metrics import Metrics
from qmk_operator.record_jobs import OPEN_MAX, Asked, RecordJobs, wanted
from qmk_operator.request import resolve
from qmk_operator.store import Kind, Store
from tests.unit.operator_bodies import FakeCatalogue, FakeCluster, compile_job_body
from tests.unit.operator_objects import (
    COMMIT,
    DIGEST,
    KEYBOARD,
    NOW,
    RECORD,
    compile_job,
    stored,
)

NAME = record_job_name(RECORD.digest, KEYBOARD)
NEEDED = {RecordUse.ABSENT, RecordUse.REJECTED}


class Asking:
    """A store and a cluster, and who asks for records there."""

    def __init__(self) -> None:
        self.store = Store()
        self.cluster = FakeCluster()
        self.metrics = Metrics()
        self.jobs = RecordJobs(self.store, self.cluster, self.metrics, lambda: NOW)

    async def ask(self, **spec: Any) -> Asked:
        return await self.jobs.ask(NAME, compile_job(**spec), RECORD, COMMIT)

    def add(self, name: str, phase: Phase = Phase.QUEUED, reason: Reason | None = None) -> None:
        job = compile_job(
            phase, name=name, status={"reason": reason}, client=CLIENT, job_class=JobClass.TEST
        )
        body = compile_job_body(job)
        self.cluster.compile_jobs[name] = body
        self.store.put(Kind.COMPILE_JOB, body)

    def counted(self, outcome: Asked) -> float | None:
        labels = {"outcome": outcome.value}
        return self.metrics.registry.get_sample_value("qmk_records_asked_total", labels)


@pytest.mark.parametrize("job_class", JobClass)
@pytest.mark.parametrize("path", BuildPath)
@pytest.mark.parametrize("record", RecordUse)
def test_a_record_is_wanted_where_somebody_waited_for_a_whole_build(
    job_class: JobClass, path: BuildPath, record: RecordUse
) -> None:
    result = stored(path=path, record=record).result
    expected = job_class is not JobClass.TEST and path is BuildPath.FULL and record in NEEDED
    assert wanted(compile_job(job_class=job_class), result) is expected


async def test_the_job_is_a_test_of_the_plain_keymap_that_may_record() -> None:
    asking = Asking()
    assert await asking.ask(channel="develop", client="somebody") is Asked.CREATED
    body = asking.cluster.compile_jobs[NAME]
    job = CompileJob.from_body(body)
    assert len(job.name) <= COMPILE_JOB_NAME_MAX
    assert (job.spec.job_class, job.spec.client) == (JobClass.TEST, CLIENT)
    assert (job.spec.firmware_commit, job.spec.channel) == (COMMIT, "develop")
    assert job.asked == NOW
    request = await resolve(job.spec, None, FakeCatalogue(generator=True), DIGEST)
    assert request.may_record
    assert request.record == RECORD
    assert asking.store.compile_job(NAME) is not None
    assert asking.counted(Asked.CREATED) == 1
    assert to_body(CompileJobSpec(KEYBOARD, {})).keys() >= body["spec"].keys() - {"firmwareCommit"}


async def test_nobody_asks_twice() -> None:
    asking = Asking()
    await asking.ask()
    assert await asking.ask(client="another") is Asked.EXISTS
    assert asking.cluster.calls == ["create_compile_job"]


async def test_a_job_that_only_the_cluster_knows_is_enough() -> None:
    asking = Asking()
    asking.cluster.compile_jobs[NAME] = {}
    assert await asking.ask() is Asked.EXISTS


async def test_a_job_that_left_no_record_is_not_made_again_while_it_is_there() -> None:
    asking = Asking()
    asking.add(NAME, Phase.FAILED)
    assert await asking.ask() is Asked.EXISTS
    assert asking.cluster.calls == []


async def test_no_more_are_open_than_may_be() -> None:
    asking = Asking()
    for number in range(OPEN_MAX):
        asking.add(f"record-open-{number}")
        asking.add(f"record-ended-{number}", Phase.SUCCEEDED)
    assert await asking.ask() is Asked.CROWDED
    asking.store.remove(Kind.COMPILE_JOB, "record-open-0", "uid-record-open-0")
    assert await asking.ask() is Asked.CREATED


async def test_jobs_that_only_bear_the_clients_name_crowd_nobody_out() -> None:
    asking = Asking()
    for number in range(OPEN_MAX):
        asking.add(f"a-users-{number}")
    assert await asking.ask() is Asked.CREATED


@pytest.mark.parametrize("reason", [Reason.EVICTED, Reason.UPLOAD_FAILED, Reason.NODE_LOST])
async def test_a_job_that_was_lost_is_made_again(reason: Reason) -> None:
    asking = Asking()
    asking.add(NAME, Phase.FAILED, reason)
    assert await asking.ask() is Asked.CREATED
    assert asking.cluster.calls == ["delete_compile_job", "create_compile_job"]
    assert asking.cluster.compile_jobs[NAME].get("status") is None


async def test_a_job_that_was_lost_and_is_gone_by_now_is_made_again() -> None:
    asking = Asking()
    asking.add(NAME, Phase.FAILED, Reason.EVICTED)
    del asking.cluster.compile_jobs[NAME]
    assert await asking.ask() is Asked.CREATED


@pytest.mark.parametrize("reason", [Reason.COMPILE_ERROR, Reason.CANCEL_REQUESTED])
async def test_an_end_that_another_run_would_come_to_stays(reason: Reason) -> None:
    asking = Asking()
    asking.add(NAME, Phase.FAILED, reason)
    assert await asking.ask() is Asked.EXISTS


@pytest.mark.parametrize("error", [ClusterError("503"), RefusedError("403")])
async def test_a_cluster_that_does_not_take_it_harms_nobody(error: ClusterError) -> None:
    asking = Asking()
    asking.cluster.errors["create_compile_job"] = [error]
    assert await asking.ask() is Asked.FAILED
    assert asking.counted(Asked.FAILED) == 1
    assert await asking.ask() is Asked.CREATED


def test_each_record_has_a_name_of_its_own() -> None:
    names = {
        record_job_name(digest * 64, keyboard) for digest in "ab" for keyboard in ("a/b", "a_b")
    }
    assert len(names) == 4
