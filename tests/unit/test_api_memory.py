"""What a process remembers, and asking once."""

import asyncio

import pytest

from qmk_api.memory import Memory
from qmk_api.single_flight import SingleFlight
from tests.unit.api_fakes import Clock


def test_value_goes_with_its_age() -> None:
    clock = Clock()
    memory: Memory[int] = Memory(clock, entries_max=2, ttl_seconds=5)
    memory.put("a", 1)
    clock.seconds += 4.9
    assert memory.get("a") == 1
    clock.seconds += 0.1
    assert memory.get("a") is None


def test_least_recently_used_goes_first() -> None:
    memory: Memory[int] = Memory(Clock(), entries_max=2, ttl_seconds=5)
    memory.put("a", 1)
    memory.put("b", 2)
    memory.get("a")
    memory.put("c", 3)
    assert [memory.get(key) for key in "abc"] == [1, None, 3]


def test_cost_is_bounded_whatever_the_number() -> None:
    memory: Memory[int] = Memory(Clock(), entries_max=9, ttl_seconds=5, cost_max=10)
    memory.put("a", 1, cost=6)
    memory.put("a", 1, cost=6)
    memory.put("b", 2, cost=4)
    assert memory.get("a") == 1
    memory.put("c", 3, cost=5)
    assert [memory.get(key) for key in "abc"] == [1, None, 3] or memory.get("a") is None
    memory.put("d", 4, cost=11)
    assert [memory.get(key) for key in "abcd"] == [None] * 4


async def test_question_under_way_is_shared() -> None:
    asked = 0
    gate = asyncio.Event()

    async def ask() -> int:
        nonlocal asked
        asked += 1
        await gate.wait()
        return asked

    flights: SingleFlight[int] = SingleFlight()
    calls = [asyncio.create_task(flights.do("a", ask)) for _ in range(5)]
    await asyncio.sleep(0)
    calls[0].cancel()
    gate.set()
    assert await asyncio.gather(*calls[1:]) == [1] * 4
    assert await flights.do("a", ask) == 2


async def test_error_reaches_every_caller_and_is_not_remembered() -> None:
    async def fail() -> int:
        raise ValueError("no")

    async def work() -> int:
        return 1

    flights: SingleFlight[int] = SingleFlight()
    results = await asyncio.gather(
        *(flights.do("a", fail) for _ in range(3)), return_exceptions=True
    )
    assert all(isinstance(result, ValueError) for result in results)
    assert await flights.do("a", work) == 1
    with pytest.raises(ValueError, match="no"):
        await flights.do("a", fail)
