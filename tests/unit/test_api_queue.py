"""Queue positions as the API tells them."""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta

import pytest

from qmk_api.adapters.job_watch import JobWatch
from qmk_api.compiling.admissions import Admissions
from qmk_api.compiling.fair_use import NO_BOUND, QueueBounds, TooManyRequests
from qmk_api.compiling.queue_view import VIEW_SHARE, Queue, queue_view
from qmk_contract.compile_job import ANONYMOUS, CompileJob, Timestamps
from qmk_contract.phases import JobClass, Phase
from qmk_contract.queue import UNSEEN_BUILD_SECONDS, Limits
from tests.unit.api_fakes import NOW, Clock, FakeJobs, World


def times(**seconds: int) -> Timestamps:
    return Timestamps(**{name: NOW + timedelta(seconds=after) for name, after in seconds.items()})


def test_reruns_wait_again_and_only_waiting_jobs_have_positions() -> None:
    world = World()
    for name, phase in [("b", Phase.QUEUED), ("a", Phase.PENDING), ("c", Phase.STARTING),
                        ("d", Phase.RUNNING), ("e", Phase.SUCCEEDED)]:  # fmt: skip
        world.add_job(name * 26, phase=phase)
    view = queue_view(world.jobs.all_known())
    assert view.positions == {"a" * 26: 0, "b" * 26: 1}
    assert view.length == 3


async def test_only_jobs_that_people_wait_for_make_a_service_look_busy() -> None:
    world = World()
    names = [letter * 26 for letter in "abcdefghijklmnopqrstuvwxyz2345"]
    classes = [*JobClass] * 10
    for number, (name, job_class) in enumerate(zip(names, classes, strict=True)):
        phase = (Phase.QUEUED, Phase.STARTING)[number < 3]
        job = world.add_job(name, phase=phase, timestamps=times(queued=number))
        world.jobs.jobs[name] = replace(job, spec=replace(job.spec, job_class=job_class))
    view = queue_view(world.jobs.all_known())
    assert (view.length, view.interactive) == (30, 10)
    assert list(view.positions.values()) == list(range(27)), "first come, first served"
    tests = [name for name, job_class in zip(names, classes, strict=True) if job_class == "test"]
    assert list(view.positions)[18:] == tests[1:], "and tests when nobody else waits"
    last = names[27 + classes.index(JobClass.INTERACTIVE)]
    assert view.clients == {ANONYMOUS: list(range(view.positions[last] + 1))[::2]}
    async with world.client() as client:
        for path in ("/v1", "/v1/healthcheck"):
            assert (await client.get(path)).json()["queue_length"] == 10
        polled = (await client.get(f"/v1/compile/{last}")).json()
    assert (polled["queue_position"], polled["queue_length"]) == (view.positions[last], 30)


def test_tests_hold_no_slot_that_anybody_waits_for() -> None:
    world = World()
    for name, job_class in zip("abc", JobClass, strict=True):
        job = world.add_job(name * 26, phase=Phase.RUNNING)
        world.jobs.jobs[job.name] = replace(job, spec=replace(job.spec, job_class=job_class))
    assert queue_view(world.jobs.all_known()).holding == 2


async def test_job_that_runs_again_counts_as_waiting() -> None:
    world = World()
    await world.jobs.ask_rerun(world.add_job("a" * 26, phase=Phase.FAILED))
    assert queue_view(world.jobs.all_known()).length == 1


def test_view_is_remembered_for_a_moment() -> None:
    world = World()
    queue = Queue(world.jobs, Limits(2), world.clock)
    assert queue.view().length == 0
    world.add_job("a" * 26, phase=Phase.QUEUED)
    assert queue.view().length == 0
    world.clock.seconds += 0.25
    assert queue.view().length == 1


class DearJobs(FakeJobs):
    """CompileJobs whose reading takes a second."""

    clock: Clock
    reads = 0

    def all_known(self) -> Collection[CompileJob]:
        self.reads += 1
        self.clock.seconds += 1
        return super().all_known()


def dear_world() -> tuple[World, DearJobs, Queue]:
    world = World(jobs=(jobs := DearJobs()))
    jobs.clock = world.clock
    return world, jobs, Queue(jobs, Limits(2), world.clock)


def test_views_take_a_small_part_of_the_time() -> None:
    world, jobs, queue = dear_world()
    for number in range(100):
        world.add_job(f"{number:026}", phase=Phase.QUEUED)
        queue.view()
        world.clock.seconds += 1
    assert jobs.reads <= 100 * VIEW_SHARE + 1


def test_a_queue_that_did_not_change_is_not_read_again() -> None:
    world, jobs, queue = dear_world()
    world.add_job("a" * 26, phase=Phase.QUEUED)
    views = []
    for _ in range(3):
        views.append(queue.view())
        world.clock.seconds += 60
    assert jobs.reads == 1
    assert views == views[:1] * 3
    assert len({id(view) for view in views}) == 3, "admissions count from each look anew"
    world.jobs.set_status("a" * 26, phase=Phase.RUNNING)
    assert queue.view().length == 0


def test_a_job_that_is_seen_before_its_creation_returns_counts_once() -> None:
    world = World()
    limits = Limits(2)
    queue = Queue(world.jobs, limits, world.clock)
    admissions = Admissions(queue, QueueBounds(of_client=NO_BOUND, of_all=2), limits)
    with admissions.one_more("client"):
        world.add_job("a" * 26, phase=Phase.PENDING)
        world.clock.seconds += 1
        assert queue.view().length == 1
    world.clock.seconds += 1
    with admissions.one_more("client"):
        world.add_job("b" * 26, phase=Phase.PENDING)
    with pytest.raises(TooManyRequests), admissions.one_more("client"):
        pytest.fail("there was room for a third")


def test_a_watch_tells_of_its_changes() -> None:
    job = World().add_job("a" * 26)
    watch = JobWatch(lambda **_: pytest.fail("nothing asked it to list"))
    before = watch.changes
    watch.remember(job)
    after = watch.changes
    watch.remember(job)
    assert before != after == watch.changes
    watch.remember(replace(job, generation=2))
    assert watch.changes not in (before, after)


async def test_order_is_by_when_a_job_began_to_wait() -> None:
    world = World()
    world.add_job("a" * 26, phase=Phase.QUEUED, timestamps=times(queued=9))
    world.add_job("b" * 26, phase=Phase.QUEUED, timestamps=times(queued=3))
    await world.jobs.ask_rerun(
        world.add_job("c" * 26, phase=Phase.FAILED, timestamps=times(queued=1, finished=2))
    )
    view = queue_view(world.jobs.all_known())
    assert sorted(view.positions, key=lambda name: view.positions[name]) == [
        "b" * 26, "a" * 26, "c" * 26,
    ]  # fmt: skip


def finished(world: World, name: str, seconds: int) -> None:
    world.add_job(
        name * 26,
        phase=Phase.SUCCEEDED,
        duration_seconds=seconds,
        timestamps=times(queued=0, started=1, finished=1 + seconds),
    )


def test_time_of_a_build_is_the_median_of_those_that_ran() -> None:
    world = World()
    assert queue_view([]).build_seconds == UNSEEN_BUILD_SECONDS
    for name, seconds in ("a", 4), ("b", 5), ("c", 300):
        finished(world, name, seconds)
    world.add_job(  # never ran: answered from storage
        "d" * 26,
        phase=Phase.SUCCEEDED,
        duration_seconds=0,
        timestamps=times(queued=0, finished=0),
    )
    assert queue_view(world.jobs.all_known()).build_seconds == 5


def of_class(world: World, job_class: JobClass, name: str) -> CompileJob:
    job = world.jobs.jobs[name * 26]
    world.jobs.jobs[job.name] = replace(job, spec=replace(job.spec, job_class=job_class))
    return world.jobs.jobs[job.name]


def test_time_of_a_build_is_none_of_the_tests() -> None:
    world = World()
    for name, seconds in ("a", 4), ("b", 300), ("c", 300):
        finished(world, name, seconds)
    for name in "bc":
        of_class(world, JobClass.TEST, name)
    assert queue_view(world.jobs.all_known()).build_seconds == 4


def test_tests_are_ahead_of_nobody_that_is_yet_to_be_seen() -> None:
    world = World()
    finished(world, "a", 10)
    world.add_job("b" * 26, phase=Phase.QUEUED)
    for name in "cdef":
        world.add_job(name * 26, phase=Phase.QUEUED)
        of_class(world, JobClass.TEST, name)
    limits = Limits(1)
    queue = Queue(world.jobs, limits, world.clock)
    newcomer = World().add_job("g" * 26, phase=Phase.PENDING)
    assert queue.place(newcomer) == (1, 20)
    admissions = Admissions(queue, QueueBounds(of_client=1, of_all=NO_BOUND), limits)
    with (
        admissions.one_more("newcomer"),
        pytest.raises(TooManyRequests) as refusal,
        admissions.one_more("newcomer"),
    ):
        pytest.fail("there was room for a second")
    assert refusal.value.retry_after == 20


def test_place_counts_those_that_hold_slots() -> None:
    world = World()
    finished(world, "a", 10)
    world.add_job("b" * 26, phase=Phase.RUNNING)
    starting = world.add_job("c" * 26, phase=Phase.STARTING)
    first = world.add_job("d" * 26, phase=Phase.QUEUED)
    second = world.add_job("e" * 26, phase=Phase.PENDING)
    queue = Queue(world.jobs, Limits(2), world.clock)
    assert queue.place(starting) == (0, 10)
    assert queue.place(first) == (0, 15)
    assert queue.place(second) == (1, 20)
