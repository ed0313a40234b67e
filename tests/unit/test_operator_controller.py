"""Decisions carried out, against a cluster and a storage in memory that fail on demand."""

import json
from dataclasses import replace
from typing import Any

import pytest

from qmk_contract.codec import to_body
from qmk_contract.compile_job import CompileJob
from qmk_contract.names import KIND
from qmk_contract.phases import JobClass, Phase
from qmk_contract.queue import Limits
from qmk_contract.record_job import record_job_name
from qmk_contract.result import BuildPath, RecordUse
from qmk_operator.admission import Admission
from qmk_operator.builds import Builds
from qmk_operator.cluster import (
    ClusterError,
    ConflictError,
    InvalidError,
    NotFoundError,
    RefusedError,
)
from qmk_operator.controller import Controller
from qmk_operator.endings import Endings
from qmk_operator.metrics import Metrics
from qmk_operator.record_jobs import RecordJobs
from qmk_operator.records import Records
from qmk_operator.store import Kind, Store
from qmk_operator.work_queue import Outcome
from tests.unit.operator_bodies import (
    FakeCatalogue,
    FakeCluster,
    FakeStorage,
    compile_job_body,
    job_body,
    pod_body,
)
from tests.unit.operator_objects import (
    DIGEST,
    KEY,
    KEYBOARD,
    NOW,
    POINTER,
    RECORD,
    SETTINGS,
    compile_job,
    stored,
)


class Operator:
    """A controller with all that it speaks to."""

    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.storage = FakeStorage()
        self.catalogue = FakeCatalogue()
        self.store = Store()
        self.admission = Admission(self.store, Limits(2))
        self.store.changed = self.admission.update
        self.seconds = 0.0
        metrics = Metrics()
        records = Records(
            self.storage,
            lambda name: self.store.compile_job(name) is not None,
            metrics,
            lambda: self.seconds,
        )
        asking = RecordJobs(self.store, self.cluster, metrics, lambda: NOW)
        self.controller = Controller(
            store=self.store,
            admission=self.admission,
            compile_jobs=self.cluster,
            results=self.storage,
            catalogue=self.catalogue,
            records=records,
            builds=Builds(SETTINGS, self.cluster, self.storage, lambda: NOW),
            endings=Endings(metrics, self.catalogue, DIGEST, records, asking),
            metrics=metrics,
            clock=lambda: NOW,
            toolchain_digest=DIGEST,
            image_pull_seconds=180,
        )

    def add(self, job: CompileJob) -> None:
        body = compile_job_body(job)
        self.cluster.compile_jobs[job.name] = body
        self.store.put(Kind.COMPILE_JOB, body)

    def add_job(self, body: dict[str, Any]) -> None:
        self.cluster.jobs[body["metadata"]["name"]] = body
        self.store.put(Kind.JOB, body)

    async def step(self, name: str = KEY) -> Outcome:
        outcome = await self.controller.reconcile(name)
        self.admission.settle(name, failed=outcome.failed)
        return outcome

    def status(self, name: str = KEY) -> dict[str, Any]:
        status: dict[str, Any] = self.cluster.compile_jobs[name]["status"]
        return status


def orders_of(job: Any) -> dict[str, Any]:
    """The work orders in a Job, by the variable that holds them."""
    containers = job["spec"]["template"]["spec"]["containers"]
    environment = {item["name"]: item["value"] for one in containers for item in one["env"]}
    return {name: json.loads(environment[name]) for name in ("QMK_BUILD_ORDER", "QMK_UPLOAD_ORDER")}


@pytest.fixture
def operator() -> Operator:
    return Operator()


async def test_a_new_job_is_started_without_a_status(operator: Operator) -> None:
    operator.add(compile_job())
    outcome = await operator.step()
    assert outcome.requeue_seconds == 2
    assert list(operator.cluster.jobs) == [KEY]
    assert operator.cluster.calls == ["create_job"]
    assert b'"keyboard":"demo/pad3"' in operator.storage.requests[KEY]
    await operator.step()
    assert operator.cluster.calls.count("create_job") == 1


async def test_a_job_that_is_there_already_is_ours(operator: Operator) -> None:
    operator.add(compile_job())
    operator.cluster.jobs[KEY] = job_body(KEY, KEY)
    outcome = await operator.step()
    assert not outcome.failed
    assert operator.cluster.calls == ["create_job", "read_job"]
    assert operator.store.jobs(KEY)[0].uid == f"job-{KEY}"


@pytest.mark.parametrize(
    "leftover",
    [
        {"ownerReferences": [{"kind": KIND, "name": KEY, "uid": "earlier", "controller": True}]},
        {"deletionTimestamp": "2026-01-01T12:00:00Z"},
    ],
)
async def test_a_job_that_is_about_to_go_is_waited_for(
    operator: Operator, leftover: dict[str, Any]
) -> None:
    operator.add(compile_job())
    operator.cluster.jobs[KEY] = job_body(KEY, KEY, **leftover)
    assert (await operator.step()).failed
    del operator.cluster.jobs[KEY]
    assert not (await operator.step()).failed
    assert operator.cluster.calls.count("create_job") == 2


async def test_a_job_of_somebody_else_ends_the_compile_job(operator: Operator) -> None:
    operator.add(compile_job())
    operator.cluster.jobs[KEY] = job_body(KEY, KEY, ownerReferences=[], labels={})
    await operator.step()
    assert operator.status()["reason"] == "JobNameTaken"


@pytest.mark.parametrize("where", ["catalogue", "results", "requests"])
async def test_storage_that_is_down_ends_nothing(operator: Operator, where: str) -> None:
    operator.add(compile_job())
    operator.catalogue.down = where == "catalogue"
    operator.storage.down = where == "results"
    operator.storage.writes_down = where == "requests"
    assert (await operator.step()).failed
    assert (operator.status()["phase"], operator.status()["reason"]) == (
        "Queued",
        "WaitingForStorage",
    )
    writes = len(operator.cluster.calls)
    assert (await operator.step()).failed
    assert len(operator.cluster.calls) == writes, "the same status was written again"
    operator.catalogue.down = operator.storage.down = operator.storage.writes_down = False
    assert not (await operator.step()).failed
    assert list(operator.cluster.jobs) == [KEY]


async def test_an_api_server_that_is_down_is_tried_again(operator: Operator) -> None:
    operator.add(compile_job())
    operator.cluster.errors["create_job"] = [ClusterError("503")]
    assert (await operator.step()).failed
    assert operator.admission.running == 0
    assert not (await operator.step()).failed


async def test_a_job_that_the_cluster_refuses_waits_and_says_why(operator: Operator) -> None:
    operator.add(compile_job())
    operator.cluster.errors["create_job"] = [RefusedError("403 Forbidden: exceeded quota")]
    assert (await operator.step()).failed
    assert operator.status()["phase"] == "Queued"
    assert "exceeded quota" in operator.status()["message"]
    assert not (await operator.step()).failed
    assert list(operator.cluster.jobs) == [KEY]


async def test_a_request_that_is_refused_says_why(operator: Operator) -> None:
    operator.add(compile_job(keyboard="demo/none"))
    await operator.step()
    assert operator.status()["reason"] == "UnknownKeyboard"
    assert operator.status()["message"]
    assert not operator.status().get("diagnostics"), "the message without a place is no news"


async def test_a_refused_keymap_tells_each_place_as_far_as_there_is_room(
    operator: Operator,
) -> None:
    bad = ["a;b", None, "KC_A"]
    operator.add(compile_job(keymap={"layout": "LAYOUT", "layers": [bad] * 30}))
    await operator.step()
    status = operator.status()
    assert (status["phase"], status["reason"]) == ("Failed", "InvalidKeymap")
    assert len(status["diagnostics"]) == 20
    places = [(item["layer"], item["key"], item["keycode"]) for item in status["diagnostics"]]
    assert places == [(layer, 0, "a;b") for layer in range(20)]
    assert status["message"] == status["diagnostics"][0]["message"]
    assert len(json.dumps(status)) <= 4096


async def test_a_job_that_changed_meanwhile_is_read_again(operator: Operator) -> None:
    operator.storage.results[KEY] = stored()
    operator.add(compile_job())
    newer = compile_job_body(replace(compile_job(), generation=2), version=8)
    operator.cluster.compile_jobs[KEY] = newer
    assert (await operator.step()).requeue_seconds == 0
    await operator.step()
    assert operator.status()["observedGeneration"] == 2
    assert operator.status()["phase"] == "Succeeded"


async def test_a_conflict_without_news_waits(operator: Operator) -> None:
    operator.storage.results[KEY] = stored()
    operator.add(compile_job())
    operator.cluster.errors["patch_status"] = [ConflictError("version")]
    assert (await operator.step()).failed


async def test_a_job_that_is_gone_is_forgotten(operator: Operator) -> None:
    operator.storage.results[KEY] = stored()
    operator.add(compile_job())
    del operator.cluster.compile_jobs[KEY]
    assert await operator.step() == Outcome()
    assert operator.store.compile_job(KEY) is None
    assert await operator.step() == Outcome()


async def test_a_conflict_about_a_job_that_is_gone_is_no_fault(operator: Operator) -> None:
    operator.storage.results[KEY] = stored()
    operator.add(compile_job())
    operator.cluster.errors["patch_status"] = [ConflictError("uid")]
    operator.cluster.errors["read_compile_job"] = [NotFoundError(KEY)]
    assert await operator.step() == Outcome()


async def test_a_conflict_while_the_api_server_goes_down_is_tried_again(
    operator: Operator,
) -> None:
    operator.storage.results[KEY] = stored()
    operator.add(compile_job())
    operator.cluster.errors["patch_status"] = [ConflictError("version")]
    operator.cluster.errors["read_compile_job"] = [ClusterError("503")]
    assert (await operator.step()).failed


async def test_the_end_frees_the_slot_and_is_counted(operator: Operator) -> None:
    operator.add(compile_job(Phase.RUNNING))
    operator.add_job(job_body(KEY, KEY, annotations={"qmk.fm/toolchain-digest": DIGEST}))
    operator.store.put(Kind.POD, pod_body(KEY, 0, 0))
    operator.storage.results[KEY] = stored()
    await operator.step()
    assert operator.status()["phase"] == "Succeeded"
    assert operator.status()["firmware"]["fileName"] == "demo_pad3_keymap.hex"
    assert operator.admission.running == 0
    registry = operator.controller.metrics.registry
    labels = {"phase": "Succeeded", "reason": "Completed"}
    assert registry.get_sample_value("qmk_compile_jobs_finished_total", labels) == 1


def finish_build(
    operator: Operator, job_class: JobClass = JobClass.INTERACTIVE, **result: Any
) -> None:
    """A build of KEY has left this result, and its pod has ended."""
    operator.catalogue.generator = True
    operator.add(compile_job(Phase.RUNNING, job_class=job_class))
    operator.add_job(job_body(KEY, KEY, annotations={"qmk.fm/toolchain-digest": DIGEST}))
    operator.store.put(Kind.POD, pod_body(KEY, 0, 0))
    operator.storage.results[KEY] = stored(**result)


def sample(operator: Operator, name: str, **labels: str) -> float | None:
    return operator.controller.metrics.registry.get_sample_value(name, labels)


async def test_a_build_tells_its_path_and_times(operator: Operator) -> None:
    times = {"queue": 12, "compile": 250, "link": 70, "dance": 3, "upload": -1, "fetch": 2**40}
    finish_build(
        operator, path=BuildPath.FAST, record=RecordUse.USED, times=times,
        sandbox=("landlock-7", "seccomp", "rlimits", "charm"),
    )  # fmt: skip
    await operator.step()
    status = operator.status()
    assert (status["path"], status["record"]) == ("fast", "used")
    assert status["times"] == {"queue": 12, "compile": 250, "link": 70}
    assert sample(operator, "qmk_compile_builds_total", path="fast", record="used") == 1
    assert sample(operator, "qmk_compile_step_seconds_sum", step="link", path="fast") == 0.07
    for layer in ("landlock", "seccomp", "rlimits", "other"):
        assert sample(operator, "qmk_compile_sandbox_layers_total", layer=layer) == 1
    assert sample(operator, "qmk_compile_sandbox_layers_total", layer="none") is None
    assert len(operator.cluster.compile_jobs) == 1, "a record was used, none is asked for"


async def test_a_result_that_was_there_tells_no_times_of_this_job(operator: Operator) -> None:
    operator.storage.results[KEY] = stored(times={"compile": 250}, path=BuildPath.FULL)
    operator.catalogue.generator = True
    operator.add(compile_job())
    await operator.step()
    assert operator.status()["reason"] == "Cached"
    assert "path" not in operator.status()
    assert not operator.status()["times"]
    assert list(operator.cluster.compile_jobs) == [KEY]
    assert sample(operator, "qmk_compile_builds_total", path="full", record="absent") is None


async def test_a_whole_build_is_followed_by_one_that_records(operator: Operator) -> None:
    finish_build(operator)
    await operator.step()
    assert operator.cluster.calls == ["patch_status", "create_compile_job"], "the user comes first"
    assert sample(operator, "qmk_compile_sandbox_layers_total", layer="none") == 1
    (name,) = operator.cluster.compile_jobs.keys() - {KEY}
    operator.store.put(Kind.COMPILE_JOB, operator.cluster.compile_jobs[name])
    await operator.step(name)
    orders = orders_of(operator.cluster.jobs[name])
    assert orders["QMK_BUILD_ORDER"]["recording"] is True
    assert "record" not in orders["QMK_BUILD_ORDER"]
    targets = orders["QMK_UPLOAD_ORDER"]["targets"]
    assert f"cache/{RECORD.digest}/{KEYBOARD}.tar.zst" in targets["record.tar.zst"]
    assert f"cache/{RECORD.digest}/{KEYBOARD}.json" in targets["record.json"]


async def test_a_users_build_gets_the_record_and_leaves_none(operator: Operator) -> None:
    operator.catalogue.generator = True
    operator.storage.objects[RECORD.pointer_key] = json.dumps(to_body(POINTER)).encode()
    operator.add(compile_job(keymap=RECORD.plain.to_body()))
    await operator.step()
    orders = orders_of(operator.cluster.jobs[KEY])
    assert orders["QMK_BUILD_ORDER"]["record"]["sha256"] == POINTER.sha256
    assert orders["QMK_BUILD_ORDER"]["recording"] is False
    assert not any("cache/" in url for url in orders["QMK_UPLOAD_ORDER"]["targets"].values())


async def test_a_record_that_a_build_rejected_is_given_to_nobody_else(operator: Operator) -> None:
    operator.storage.objects[RECORD.pointer_key] = json.dumps(to_body(POINTER)).encode()
    finish_build(operator, record=RecordUse.REJECTED)
    assert await operator.controller.records.find(RECORD) == POINTER
    await operator.step()
    assert await operator.controller.records.find(RECORD) is None
    (name,) = operator.cluster.compile_jobs.keys() - {KEY}
    operator.store.put(Kind.COMPILE_JOB, operator.cluster.compile_jobs[name])
    await operator.step(name)
    assert orders_of(operator.cluster.jobs[name])["QMK_BUILD_ORDER"]["recording"] is True


async def test_a_rejected_record_is_made_anew_past_the_job_that_left_it(
    operator: Operator,
) -> None:
    operator.storage.objects[RECORD.pointer_key] = json.dumps(to_body(POINTER)).encode()
    left_it = record_job_name(RECORD.digest, KEYBOARD)
    operator.add(compile_job(Phase.SUCCEEDED, name=left_it, job_class=JobClass.TEST))
    finish_build(operator, record=RecordUse.REJECTED)
    await operator.step()
    (name,) = operator.cluster.compile_jobs.keys() - {KEY, left_it}
    await operator.step(name)
    order = orders_of(operator.cluster.jobs[name])["QMK_BUILD_ORDER"]
    assert (order["recording"], "record" in order) == (True, False)


async def test_a_record_that_is_gone_with_its_pointer_is_made_anew(operator: Operator) -> None:
    operator.storage.objects[RECORD.pointer_key] = json.dumps(to_body(POINTER)).encode()
    assert await operator.controller.records.find(RECORD) == POINTER
    operator.storage.objects.clear()
    finish_build(operator, record=RecordUse.ABSENT)
    await operator.step()
    (name,) = operator.cluster.compile_jobs.keys() - {KEY}
    operator.store.put(Kind.COMPILE_JOB, operator.cluster.compile_jobs[name])
    await operator.step(name)
    assert orders_of(operator.cluster.jobs[name])["QMK_BUILD_ORDER"]["recording"] is True


async def test_a_test_that_rejects_a_record_has_it_made_anew(operator: Operator) -> None:
    operator.storage.objects[RECORD.pointer_key] = json.dumps(to_body(POINTER)).encode()
    finish_build(operator, job_class=JobClass.TEST, record=RecordUse.REJECTED)
    await operator.step()
    assert len(operator.cluster.compile_jobs) == 2
    assert await operator.controller.records.find(RECORD) is None


async def test_storage_that_goes_away_while_a_record_is_refused_harms_nobody(
    operator: Operator,
) -> None:
    finish_build(operator, record=RecordUse.REJECTED)
    operator.storage.reads_down = True
    await operator.step()
    assert operator.status()["phase"] == "Succeeded"
    assert list(operator.cluster.compile_jobs) == [KEY]


async def test_a_test_that_gives_way_is_queued_again(operator: Operator) -> None:
    for name in ("test-1", "test-2"):
        operator.add(compile_job(Phase.RUNNING, name=name, job_class=JobClass.TEST))
        operator.add_job(job_body(name, name))
    operator.add(compile_job())
    await operator.step("test-1")
    await operator.step("test-2")
    gone = {"test-1", "test-2"} - operator.cluster.jobs.keys()
    assert len(gone) == 1
    (name,) = gone
    assert operator.status(name)["phase"] == "Queued"
    await operator.step()
    assert KEY in operator.cluster.jobs
    await operator.step(name)
    assert name not in operator.cluster.jobs


async def give_way(operator: Operator) -> Outcome:
    """Two tests run, and a user comes: a step for the one that has to go."""
    for name in ("test-1", "test-2"):
        operator.add(compile_job(Phase.RUNNING, name=name, job_class=JobClass.TEST))
        operator.add_job(job_body(name, name))
    operator.add(compile_job())
    assert operator.admission.gives_way("test-2")
    return await operator.step("test-2")


async def test_a_slot_is_kept_until_it_is_said_that_it_is_left(operator: Operator) -> None:
    operator.cluster.errors["patch_status"] = [ClusterError("503")]
    assert (await give_way(operator)).failed
    assert "test-2" in operator.cluster.jobs
    assert not (await operator.step("test-2")).failed
    assert "test-2" not in operator.cluster.jobs
    assert operator.status("test-2")["attempts"]["infra"] == 0


async def test_a_slot_that_is_said_to_be_left_is_left_in_the_end(operator: Operator) -> None:
    operator.cluster.errors["delete_job"] = [ClusterError("503")]
    assert (await give_way(operator)).failed
    assert operator.status("test-2")["phase"] == "Queued"
    assert not (await operator.step("test-2")).failed
    assert "test-2" not in operator.cluster.jobs
    assert operator.cluster.calls.count("patch_status") == 1


async def test_a_cancel_that_is_said_stops_the_job_in_the_end(operator: Operator) -> None:
    operator.add(compile_job(Phase.RUNNING, cancel=True))
    operator.add_job(job_body(KEY, KEY))
    operator.cluster.errors["delete_job"] = [ClusterError("503")]
    assert (await operator.step()).failed
    assert operator.status()["phase"] == "Cancelled"
    await operator.step()
    assert operator.cluster.jobs == {}


async def test_a_status_that_is_refused_is_written_without_what_the_build_said(
    operator: Operator,
) -> None:
    operator.storage.results[KEY] = stored()
    operator.add(compile_job())
    operator.cluster.errors["patch_status"] = [InvalidError("422")]
    assert not (await operator.step()).failed
    assert operator.status()["phase"] == "Succeeded"
    assert operator.status()["firmware"]["size"]
    assert "usage" not in operator.status()


async def test_a_cancel_deletes_the_job_though_it_may_be_gone(operator: Operator) -> None:
    operator.add(compile_job(Phase.RUNNING, cancel=True))
    operator.store.put(Kind.JOB, job_body(KEY, KEY))
    await operator.step()
    assert operator.status()["phase"] == "Cancelled"
    assert operator.store.jobs(KEY) == []


async def test_the_time_after_the_end_is_kept(operator: Operator) -> None:
    operator.add(compile_job(Phase.SUCCEEDED))
    assert (await operator.step()).requeue_seconds == 59
    assert operator.cluster.calls == []


async def test_a_rerun_that_comes_with_the_deletion_is_not_lost(operator: Operator) -> None:
    job = compile_job(Phase.SUCCEEDED, ttl_seconds_after_finished=0)
    operator.add(job)
    rerun = replace(job, spec=replace(job.spec, rerun=1), generation=2)
    operator.cluster.compile_jobs[KEY] = compile_job_body(rerun, version=8)
    assert (await operator.step()).requeue_seconds == 0
    assert KEY in operator.cluster.compile_jobs
    await operator.step()
    await operator.step()
    assert list(operator.cluster.jobs) == [f"{KEY}-r1"]


async def test_a_job_whose_time_is_over_is_deleted_once(operator: Operator) -> None:
    operator.add(compile_job(Phase.SUCCEEDED, ttl_seconds_after_finished=0))
    await operator.step()
    assert operator.cluster.compile_jobs == {}
    assert await operator.step() == Outcome()
    operator.store.put(
        Kind.COMPILE_JOB,
        compile_job_body(compile_job(Phase.SUCCEEDED, ttl_seconds_after_finished=0), version=9),
    )
    assert await operator.step() == Outcome()
