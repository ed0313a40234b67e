"""The work queue: one worker per key, keys that are many become one, failures wait longer."""

import asyncio
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmk_operator.work_queue import Backlog, Backoff, Outcome, WorkQueue

TURNS = 100


def test_a_key_is_taken_when_it_is_due() -> None:
    backlog = Backlog()
    backlog.add("a", 10)
    assert backlog.take(9) is None
    assert backlog.next_due() == 10
    assert backlog.take(10) == "a"
    assert backlog.take(10) is None


def test_the_earlier_of_two_times_holds() -> None:
    backlog = Backlog()
    backlog.add("a", 10)
    backlog.add("a", 5)
    backlog.add("a", 20)
    assert backlog.take(5) == "a"
    backlog.give_back("a")
    assert backlog.take(100) is None


def test_a_key_that_is_worked_on_waits_for_its_return() -> None:
    backlog = Backlog()
    backlog.add("a", 0)
    assert backlog.take(0) == "a"
    backlog.add("a", 1)
    assert backlog.take(2) is None
    backlog.give_back("a")
    assert backlog.take(2) == "a"


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9))))
def test_every_key_comes_out_once_and_in_order_of_time(asks: list[tuple[str, int]]) -> None:
    backlog = Backlog()
    first: dict[str, int] = {}
    for key, at in asks:
        backlog.add(key, at)
        first[key] = min(at, first.get(key, at))
    taken = []
    while (key_taken := backlog.take(9)) is not None:
        taken.append(key_taken)
    assert sorted(taken) == sorted(first)
    assert [first[key] for key in taken] == sorted(first.values())
    assert len(backlog) == 0


@given(st.integers(1, 1000), st.floats(0, 1, exclude_max=True))
def test_a_backoff_grows_to_its_limit(failures: int, random: float) -> None:
    backoff = Backoff(first_seconds=0.5, limit_seconds=15)
    seconds = backoff.seconds(failures, random)
    assert 0.25 <= seconds <= 15
    assert backoff.seconds(failures + 1, random) >= seconds


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Work:
    """What the queue hands out; the test says how it ends."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ends: dict[str, asyncio.Future[Outcome]] = {}

    async def __call__(self, key: str) -> Outcome:
        self.begun.append(key)
        self.ends[key] = asyncio.get_running_loop().create_future()
        return await self.ends[key]

    def has_begun(self, keys: list[str]) -> bool:
        return self.begun == keys

    def end(self, key: str, outcome: Outcome | Exception | None = None) -> None:
        if isinstance(outcome, Exception):
            self.ends[key].set_exception(outcome)
        else:
            self.ends[key].set_result(outcome or Outcome())


async def until(what: str, true: Callable[[], bool]) -> None:
    """Give the loop its turns until something is true."""
    for _ in range(TURNS):
        if true():
            return
        await asyncio.sleep(0)
    pytest.fail(f"{what} did not come within {TURNS} turns of the loop")


async def test_workers_are_limited_and_keys_are_exclusive() -> None:
    work, clock = Work(), Clock()
    queue = WorkQueue(work, 2, clock, lambda: 0.0)
    running = asyncio.create_task(queue.run())
    for key in ("a", "b", "c", "a"):
        queue.add(key)
    await until("two workers", lambda: len(work.begun) == 2)
    queue.add("a")
    work.end("b")
    await until("the third key", lambda: work.begun == ["a", "b", "c"])
    work.end("a")
    await until("the first key again", lambda: work.begun == ["a", "b", "c", "a"])
    work.end("a")
    work.end("c")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_failures_wait_longer_each_time_and_success_forgets_them() -> None:
    work, clock = Work(), Clock()
    queue = WorkQueue(work, 1, clock, lambda: 0.0, Backoff(first_seconds=2, limit_seconds=100))
    running = asyncio.create_task(queue.run())
    queue.add("a")
    outcomes: list[Outcome | Exception] = [
        Outcome(failed=True),
        ValueError("a fault of ours"),
        Outcome(requeue_seconds=7),
        Outcome(failed=True),
    ]
    for number, (outcome, wait) in enumerate(zip(outcomes, (1, 2, 7, 1), strict=True), 1):
        expected = ["a"] * number
        await until(f"try {number}", partial(work.has_begun, expected))
        work.end("a", outcome)
        await until("the outcome", lambda: len(queue) == 1)
        clock.now += wait
        queue.add("a", 1e6)  # wakes the queue; the earlier time holds
    await until("the last try", lambda: len(work.begun) == len(outcomes) + 1)
    work.end("a")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_work_that_has_begun_is_finished_at_the_end() -> None:
    work, clock = Work(), Clock()
    queue = WorkQueue(work, 1, clock, lambda: 0.0)
    running = asyncio.create_task(queue.run())
    queue.add("a")
    await until("the work", lambda: work.begun == ["a"])
    running.cancel()
    await asyncio.sleep(0)
    assert not running.done()
    work.end("a")
    with pytest.raises(asyncio.CancelledError):
        await running
