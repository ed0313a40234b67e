"""A log that is read for as long as its build goes on: how often, and what for."""

import asyncio

from qmk_api.background import Background
from qmk_api.watching.log_reader import RETRY_SECONDS, LogReader
from tests.unit.api_fakes import FakePodLogs
from tests.unit.api_stream import until

POD = "k5t7g3xw2pzq4hmn6ycd3rfbae-x7k2p"


class Pauses:
    """Waits of a reader, each of which ends when it is told to."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._over = asyncio.Event()

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await self._over.wait()
        self._over.clear()

    async def end(self) -> None:
        """End this one, and wait for the next to begin."""
        begun = len(self.seconds)
        self._over.set()
        await until("the next pause", lambda: len(self.seconds) > begun)


async def test_a_log_that_has_ended_is_read_again_less_and_less_often() -> None:
    first, most = RETRY_SECONDS
    logs, pauses, told = FakePodLogs(), Pauses(), list[None]()
    await logs.print(POD, b"one\ntwo\n", None)
    reader = LogReader(logs, lambda: told.append(None), Background(), sleep=pauses)
    reader.read(POD)
    await until("the first pause", lambda: pauses.seconds)
    assert len(told) == 1
    for _ in range(5):
        await pauses.end()
    assert pauses.seconds == [first, 2 * first, 4 * first, 8 * first, most, most]
    assert logs.opened == [POD] * 6

    logs.printed[POD] = [b"one\ntwo\nthree\n", None]  # the connection was lost, no more than that
    await pauses.end()
    await pauses.end()
    assert pauses.seconds[-2:] == [first, 2 * first]
    assert len(told) == 2
    reader.stop()


async def test_a_pod_that_cannot_be_read_is_tried_less_and_less_often() -> None:
    first, most = RETRY_SECONDS
    logs, pauses = FakePodLogs(), Pauses()
    reader = LogReader(logs, lambda: None, Background(), sleep=pauses)
    reader.read(POD)
    await until("the first pause", lambda: pauses.seconds)
    for _ in range(4):
        await pauses.end()
    assert pauses.seconds == [first, 2 * first, 4 * first, 8 * first, most]
    reader.stop()
