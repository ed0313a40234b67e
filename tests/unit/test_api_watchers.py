"""Many watchers of one build, slow ones and those that leave: what they cost, and each other."""

import asyncio
import contextlib
from dataclasses import replace
from typing import cast

import pytest
from fastapi import FastAPI

from qmk_api.background import Background
from qmk_api.compiling.states import State
from qmk_api.services import Services
from qmk_api.watching import broadcast, event_stream
from qmk_api.watching.broadcast import Broadcast
from qmk_api.watching.room import Bound, Room
from qmk_api.watching.topic import Find
from qmk_contract import artifacts
from qmk_contract.phases import Phase, Reason
from tests.unit.api_fakes import RUNNING, World, key_of, keymap_body
from tests.unit.api_stream import until, watching

KEY = key_of(keymap_body())
JOB = f"{KEY}.mine"
POD = f"{KEY}-x7k2p"


def store(world: World, log: bytes) -> None:
    world.stored.objects[artifacts.build(KEY, artifacts.LOG)] = log


async def test_many_watchers_cost_one_reader_and_one_lookup(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broadcast, "LOOK_SECONDS", 0.01)
    world.add_job(KEY, **RUNNING, pod_name=POD)
    await world.logs.print(POD, b"one\n")
    looked: list[str] = []
    async with world.app() as app, contextlib.AsyncExitStack() as stack:
        find = app.state.services.lookup.find

        async def look(key: str) -> State | None:
            looked.append(key)
            world.clock.seconds += 1  # what was known of storage is too old
            return cast("State | None", await find(key))

        let_in(app, world, Room(), look)
        streams = [await stack.enter_async_context(watching(app, JOB)) for _ in range(200)]
        for stream in streams:
            await stream.wait_log("one")
        assert world.logs.opened == [POD]
        looks, reads = len(looked), len(world.stored.reads)
        await until("some looks", lambda: len(looked) >= looks + 4)
        # One for all of them, and one object read for each: the result that is waited for.
        assert 2 <= len(world.stored.reads) - reads <= len(looked) - looks
        store(world, b"one\n")
        world.store_build(KEY)
        for stream in streams:
            await stream.wait_kind("end")
        await until("the end of reading", lambda: world.logs.reading == 0)


async def test_nothing_is_read_once_the_last_watcher_has_left(world: World) -> None:
    world.add_job(KEY, **RUNNING, pod_name=POD)
    await world.logs.print(POD, b"one\n")
    async with world.app() as app:
        async with watching(app, JOB) as first, watching(app, f"{KEY}.other") as second:
            await first.wait_log("one")
            await second.wait_log("one")
            assert second.events[0].data["id"] == f"{KEY}.other"
            first.leave()
            await until("the first one's end", first.task.done)
            assert world.logs.reading == 1
        await until("the end of reading", lambda: world.logs.reading == 0)
        async with watching(app, JOB) as stream:  # and begins anew with the next
            await stream.wait_log("one")


async def test_nothing_is_read_once_the_process_has_stopped(world: World) -> None:
    world.add_job(KEY, **RUNNING, pod_name=POD)
    await world.logs.print(POD, b"one\n")
    async with contextlib.AsyncExitStack() as stack:
        async with world.app() as app:
            stream = await stack.enter_async_context(watching(app, JOB))
            await stream.wait_log("one")
            assert (world.logs.reading, world.logs.closed_while_reading) == (1, None)
        assert (world.logs.reading, world.logs.closed_while_reading) == (0, 0)


async def test_a_draining_process_sends_watchers_on(world: World) -> None:
    world.add_job(KEY, **RUNNING, pod_name=POD)
    await world.logs.print(POD, b"one\n")
    async with world.app() as app:
        async with watching(app, JOB) as stream:
            await stream.wait_log("one")
            app.state.services.health.draining = True
            reconnect = await stream.wait_kind("reconnect")
            assert (reconnect.retry, reconnect.last_id) == (1000, "x7k2p:1")
            await stream.wait("the stream's end", lambda: stream.ended)
        for known in ("x7k2p:1", "x7k2p:0"):  # told again: another stream may have heard it
            async with watching(app, JOB, last_id=known) as stream:
                await stream.wait("the stream's end", lambda: stream.ended)
                assert stream.kinds() == ["status", "reconnect"]
                assert stream.events[-1].last_id == known
        assert world.logs.reading == 0


async def test_silence_is_broken_by_comments(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "PING_SECONDS", 0.01)
    world.add_job(KEY, phase=Phase.QUEUED)
    async with world.app() as app, watching(app, JOB) as stream:
        await stream.wait("a comment", lambda: stream.pings > 2)
        assert stream.kinds() == ["status"]


async def test_a_slow_watcher_ends_alone(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_stream, "SEND_SECONDS", 0.05)
    world.add_job(KEY, **RUNNING, pod_name=POD)
    await world.logs.print(POD, b"one\n")
    async with world.app() as app, watching(app, JOB) as slow, watching(app, JOB) as stream:
        await slow.wait_log("one")
        slow.taking.clear()
        await world.logs.print(POD, b"two\n")
        await until("the slow one's end", slow.task.done)
        await stream.wait_log("one", "two")


async def test_large_events_are_sent_in_pieces(world: World) -> None:
    world.store_build(KEY)
    lines = [f"{number:0199}" for number in range(2000)]
    store(world, "".join(f"{line}\n" for line in lines).encode())
    async with world.app() as app, watching(app, JOB) as stream:
        await stream.wait("the stream's end", lambda: stream.ended)
        assert stream.log == lines
        assert max(stream.sizes) <= event_stream.CHUNK_BYTES


async def test_others_have_their_turn_while_much_is_sent(world: World) -> None:
    world.store_build(KEY)
    store(world, b"some line\n" * 100_000)
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    async with world.app() as app, watching(app, JOB) as stream, Background() as background:
        background.start(turn())
        await stream.wait("the stream's end", lambda: stream.ended)
        assert len(stream.log) == 100_000
        assert turns > len(stream.sizes) > 2 * 10**6 / event_stream.CHUNK_BYTES


def let_in(app: FastAPI, world: World, room: Room, find: Find | None = None) -> None:
    """Give the application so much room for watchers."""
    services: Services = app.state.services
    made = Broadcast(
        find or services.lookup.find, world.logs, services.health, "https://x", room, world.clock
    )
    app.state.services = replace(services, broadcast=made)


@pytest.mark.parametrize(("bound", "code"), [(Bound(1, 9), 503), (Bound(9, 1), 429)])
async def test_more_streams_than_there_may_be_are_refused(
    world: World, bound: Bound, code: int
) -> None:
    world.add_job(KEY, phase=Phase.QUEUED)
    async with world.app() as app:
        let_in(app, world, Room(watchers=bound))
        await check_that_one_is_served(app, code)


async def test_one_client_leaves_room_for_others(world: World) -> None:
    world = World(replace(world.settings, trusted_proxies=1), stored=world.stored)
    world.add_job(KEY, phase=Phase.QUEUED)
    async with world.app() as app, contextlib.AsyncExitStack() as stack:
        let_in(app, world, Room(watchers=Bound(4, 1)))

        async def status(address: str) -> int:
            stream = await stack.enter_async_context(watching(app, JOB, address=address))
            await stream.wait("a reply", lambda: stream.status)
            return stream.status

        assert [await status("192.0.2.1"), await status("192.0.2.1")] == [200, 429]
        assert [await status("192.0.2.2"), await status("192.0.2.2")] == [200, 429]
        # Nobody can tell whose this is: the bound of all is all that holds.
        assert [await status("a proxy's word") for _ in range(3)] == [200, 200, 503]


async def check_that_one_is_served(app: FastAPI, code: int) -> None:
    async with watching(app, JOB) as stream:
        await stream.wait_kind("status")
        async with watching(app, JOB) as refused:
            await refused.wait("a reply", lambda: refused.status == code)
            assert refused.headers["content-type"] == "application/json"
            assert int(refused.headers["retry-after"]) > 0
        stream.leave()
        await until("the first one's end", stream.task.done)
        async with watching(app, JOB) as again:
            await again.wait_kind("status")


async def test_a_rerun_is_followed_although_others_still_read_the_end(world: World) -> None:
    job = world.add_job(KEY, phase=Phase.FAILED, reason=Reason.OUT_OF_MEMORY)
    async with world.app() as app, watching(app, JOB) as slow:
        slow.taking.clear()
        await until("the slow one's first send", lambda: slow.blocked)
        await world.jobs.ask_rerun(job)
        async with watching(app, JOB) as stream:
            assert (await stream.wait_kind("status")).data["status"] == "queued"
