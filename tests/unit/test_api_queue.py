"""Queue positions as the API tells them."""

from datetime import timedelta

from qmk_api.compiling.queue_view import Queue, queue_view
from qmk_contract.compile_job import Timestamps
from qmk_contract.phases import Phase
from qmk_contract.queue import UNSEEN_BUILD_SECONDS, Limits
from tests.unit.api_fakes import NOW, World


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
