"""The store, and lists that mend what a watch has missed."""

import pytest

from qmk_contract.names import RERUN_LABEL
from qmk_contract.phases import Phase
from qmk_operator.cluster import ClusterError
from qmk_operator.metrics import Metrics
from qmk_operator.resync import Freshness, Resync
from qmk_operator.store import Kind, Store
from tests.unit.operator_bodies import FakeCluster, compile_job_body, job_body, pod_body
from tests.unit.operator_objects import KEY, compile_job


def test_an_older_version_is_no_news() -> None:
    store = Store()
    assert store.put(Kind.COMPILE_JOB, compile_job_body(compile_job(Phase.RUNNING), 9))
    assert not store.put(Kind.COMPILE_JOB, compile_job_body(compile_job(), 8))
    assert not store.put(Kind.COMPILE_JOB, compile_job_body(compile_job(), 9))
    job = store.compile_job(KEY)
    assert job is not None
    assert job.status.phase is Phase.RUNNING


def test_the_name_of_another_object_is_not_forgotten() -> None:
    store = Store()
    store.put(Kind.JOB, job_body("a", KEY))
    store.remove(Kind.JOB, "a", "an earlier one")
    assert len(store.jobs("a")) == 1
    store.remove(Kind.JOB, "a", "job-a")
    assert store.jobs("a") == []


def test_each_change_tells_whose_it_is() -> None:
    store = Store()
    told: list[str] = []
    store.changed = told.append
    store.put(Kind.COMPILE_JOB, compile_job_body(compile_job(name="a")))
    store.put(Kind.JOB, job_body("b", KEY))
    store.put(Kind.POD, pod_body("c"))
    store.remove(Kind.POD, "pod-c", "pod-c")
    assert told == ["a", "b", "c", "c"]


def test_only_jobs_and_pods_of_this_very_run_are_observed() -> None:
    store = Store()
    job = compile_job(Phase.RUNNING, name="a")
    store.put(Kind.COMPILE_JOB, compile_job_body(job))
    store.put(Kind.JOB, job_body("a", KEY))
    store.put(Kind.POD, pod_body("a"))
    seen = store.observe(job)
    assert seen.job is not None
    assert [pod.name for pod in seen.pods] == ["pod-a"]
    stranger = job_body("a", KEY, version=2, ownerReferences=[{"uid": "old", "controller": True}])
    store.put(Kind.JOB, stranger)
    assert store.observe(job).job is None
    rerun = job_body("a", KEY, version=3)
    rerun["metadata"]["labels"][RERUN_LABEL] = "1"
    store.put(Kind.JOB, rerun)
    assert store.observe(job).job is None


def test_a_compile_job_that_cannot_be_read_is_left_alone() -> None:
    body = compile_job_body(compile_job())
    body["status"] = {"phase": "Dreaming"}
    assert not Store().put(Kind.COMPILE_JOB, body)


def test_a_compile_job_that_becomes_unreadable_is_forgotten() -> None:
    store = Store()
    store.put(Kind.COMPILE_JOB, compile_job_body(compile_job(), 7))
    body = compile_job_body(compile_job(), 8)
    body["status"] = {"phase": "Dreaming"}
    assert not store.put(Kind.COMPILE_JOB, body)
    assert store.compile_job(KEY) is None


def test_a_pod_that_cannot_be_read_stops_nothing() -> None:
    body = pod_body("a")
    state = {"running": {"startedAt": None}}
    body["status"] = {"containerStatuses": [{"name": "build", "state": state}]}
    assert not Store().put(Kind.POD, body)


def test_a_compile_job_that_is_being_deleted_is_gone() -> None:
    store = Store()
    body = compile_job_body(compile_job())
    store.put(Kind.COMPILE_JOB, body)
    body["metadata"] |= {"deletionTimestamp": "2026-01-01T12:00:00Z", "resourceVersion": "8"}
    assert not store.put(Kind.COMPILE_JOB, body)
    assert store.compile_job(KEY) is None


class System:
    def __init__(self) -> None:
        self.cluster = FakeCluster()
        self.store = Store()
        self.freshness = Freshness()
        self.metrics = Metrics()
        self.resync = Resync(self.store, self.cluster, self.freshness, self.metrics)

    def missed(self) -> float | None:
        labels = {"resource": "compilejobs"}
        return self.metrics.registry.get_sample_value("qmk_operator_missed_events_total", labels)


async def test_a_list_brings_what_came_and_takes_what_went() -> None:
    system = System()
    await system.resync.run()
    system.store.put(Kind.COMPILE_JOB, compile_job_body(compile_job(name="gone")))
    system.cluster.compile_jobs["new"] = compile_job_body(compile_job(name="new"))
    system.cluster.jobs["new"] = job_body("new", KEY)
    system.cluster.pods["new"] = pod_body("new")
    await system.resync.run()
    assert system.store.uids(Kind.COMPILE_JOB) == {"new": "uid-new"}
    assert len(system.store.jobs("new")) == 1
    assert system.missed() == 1


async def test_a_list_that_fails_takes_nothing() -> None:
    system = System()
    system.store.put(Kind.COMPILE_JOB, compile_job_body(compile_job(name="kept")))
    system.cluster.errors["list"] = [ClusterError("503")]
    with pytest.raises(ClusterError):
        await system.resync.run()
    assert "kept" in system.store.uids(Kind.COMPILE_JOB)


async def test_a_watch_that_tells_late_is_alive() -> None:
    system = System()
    body = compile_job_body(compile_job())
    system.cluster.compile_jobs[KEY] = body
    await system.resync.run()
    system.freshness.told(Kind.COMPILE_JOB, body)
    await system.resync.run()
    assert system.freshness.stale == frozenset()


async def test_a_watch_that_tells_nothing_is_dead_until_it_tells_something() -> None:
    system = System()
    body = compile_job_body(compile_job())
    system.cluster.compile_jobs[KEY] = body
    for expected in (set(), {Kind.COMPILE_JOB}, {Kind.COMPILE_JOB}):
        await system.resync.run()
        assert system.freshness.stale == expected
    system.freshness.told(Kind.COMPILE_JOB, body)
    assert system.freshness.stale == frozenset()
    await system.resync.run()
    assert system.freshness.stale == frozenset()


async def test_what_went_before_it_was_told_says_nothing_about_the_watch() -> None:
    system = System()
    system.cluster.compile_jobs[KEY] = compile_job_body(compile_job())
    await system.resync.run()
    del system.cluster.compile_jobs[KEY]
    await system.resync.run()
    assert system.freshness.stale == frozenset()
