"""Tasks in the background: what is left of them when their context ends."""

import asyncio

import pytest

from qmk_api.background import Background


async def test_tasks_have_ended_when_the_context_has() -> None:
    told: list[str] = []
    started = asyncio.Event()

    async def work() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # closing takes its time
            told.append("closed")

    async with Background() as background:
        task = background.start(work())
        await started.wait()
    assert told == ["closed"]
    assert task.cancelled()


async def test_a_task_may_end_before() -> None:
    told: list[str] = []

    async def work(text: str) -> None:
        told.append(text)

    async with Background() as background:
        await background.start(work("one"))
        task = background.start(work("two"))
        task.cancel()
    assert told == ["one"]


async def test_an_error_in_the_context_is_not_lost() -> None:
    background = Background()
    task = background.start(asyncio.sleep(60))

    async def fail() -> None:
        async with background:
            raise LookupError

    with pytest.raises(LookupError):
        await fail()
    assert task.cancelled()
