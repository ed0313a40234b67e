"""Queue positions as the API tells them."""

from qmk_api.queue_view import Queue, queue_view
from qmk_contract.phases import Phase
from tests.unit.api_fakes import World


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
    queue = Queue(world.jobs, world.clock)
    assert queue.view().length == 0
    world.add_job("a" * 26, phase=Phase.QUEUED)
    assert queue.view().length == 0
    world.clock.seconds += 0.25
    assert queue.view().length == 1
