"""GET /v1/compile/<id>/events: what a watcher is told, from the start to the end."""

from typing import Any

import pytest

from qmk_api.watching import log_reader
from qmk_contract import artifacts
from qmk_contract.phases import Phase, Reason
from tests.unit.api_fakes import RUNNING, World, key_of, keymap_body
from tests.unit.api_stream import until, watching

KEY = key_of(keymap_body())
JOB = f"{KEY}.mine"
POD = f"{KEY}-x7k2p"


def store(world: World, log: bytes) -> None:
    world.stored.objects[artifacts.build(KEY, artifacts.LOG)] = log


async def test_a_job_is_followed_to_its_end(world: World) -> None:
    world.add_job(KEY, phase=Phase.QUEUED, reason=Reason.WAITING_FOR_SLOT)
    async with world.app() as app, watching(app, JOB) as stream:
        status = (await stream.wait_kind("status")).data
        assert status.pop("eta_seconds") > 0
        for date in ("created_at", "enqueued_at"):
            assert status.pop(date) == "Tue, 24 Nov 2026 08:00:00 GMT"
        assert status == {
            "id": JOB, "status": "queued", "is_failed": None, "reason": "WaitingForSlot",
            "queue_position": 0, "queue_length": 1,
        }  # fmt: skip
        assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.headers["cache-control"] == "no-store"
        assert stream.headers["x-accel-buffering"] == "no"
        assert stream.headers["access-control-allow-origin"] == "*"
        world.jobs.set_status(KEY, **RUNNING, pod_name=POD)
        assert (await stream.wait_kind("status", 2)).data["status"] == "running"
        await world.logs.print(POD, b"Compiling: keymap.c\nLink")
        await stream.wait_log("Compiling: keymap.c")
        world.store_build(KEY)
        store(world, b"Compiling: keymap.c\nLinking\n")
        world.clock.seconds += 1
        end = await stream.wait_kind("end")
        assert (end.data["status"], end.data["id"]) == ("finished", JOB)
        assert end.data["result"]["output"] == "Compiling: keymap.c\nLinking\n"
        await stream.wait("the stream's end", lambda: stream.ended)
        assert stream.log == ["Compiling: keymap.c", "Linking"]
        assert stream.kinds() == ["status", "status", "log", "log", "end"]


@pytest.mark.parametrize("by_query", [False, True])
async def test_an_ended_job_is_told_at_once_and_resumed(world: World, by_query: bool) -> None:
    world.store_build(KEY)
    store(world, b"one\ntwo\nthree\n")
    resume = {"query": "last_event_id=x7k2p%3A2"} if by_query else {"last_id": "x7k2p:2"}
    async with world.app() as app:
        async with watching(app, JOB) as stream:
            await stream.wait("the stream's end", lambda: stream.ended)
            assert stream.log == ["one", "two", "three"]
            assert stream.kinds() == ["log", "end"]
        async with watching(app, JOB, **resume) as stream:
            await stream.wait("the stream's end", lambda: stream.ended)
            assert stream.log == ["three"]
        async with watching(app, JOB, last_id="nonsense") as stream:
            await stream.wait("the stream's end", lambda: stream.ended)
            assert stream.kinds() == ["log", "end"]


@pytest.mark.parametrize(
    ("status", "text"),
    [
        ({"phase": Phase.TIMED_OUT, "reason": Reason.TIME_LIMIT_EXCEEDED}, "time limit"),
        ({"phase": Phase.FAILED, "reason": Reason.OUT_OF_MEMORY}, "could not finish"),
        ({"phase": Phase.CANCELLED, "reason": Reason.CANCEL_REQUESTED}, "cancelled"),
    ],
)
async def test_an_end_without_a_result_keeps_what_was_printed(
    world: World, status: dict[str, Any], text: str
) -> None:
    world.add_job(KEY, **RUNNING, pod_name=POD)
    await world.logs.print(POD, b"one\ntwo")
    async with world.app() as app, watching(app, JOB) as stream:
        await stream.wait_log("one")
        world.jobs.set_status(KEY, **status)
        assert text in (await stream.wait_kind("end")).data["result"]["output"]
        assert stream.log == ["one", "two"]


async def test_a_job_that_vanishes_ends_as_unknown(world: World) -> None:
    world.add_job(KEY, phase=Phase.QUEUED)
    async with world.app() as app, watching(app, JOB) as stream:
        await stream.wait_kind("status")
        del world.jobs.jobs[KEY]
        assert (await stream.wait_kind("end")).data["status"] == "unknown"


async def test_outages_do_not_end_a_stream(world: World) -> None:
    world.add_job(KEY, **RUNNING, pod_name=POD)
    async with world.app() as app, watching(app, JOB) as stream:
        await stream.wait_kind("status")
        world.jobs.away = world.stored.away = True
        world.clock.seconds += 1
        await until("a try", lambda: len(world.stored.reads) > 2)
        assert not stream.task.done()
        world.jobs.away = world.stored.away = False
        await world.logs.print(POD, b"one\n")  # could not be read until now
        await stream.wait_log("one")


async def test_a_log_that_ends_early_is_read_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_reader, "RETRY_SECONDS", (0.01, 0.01))
    world.add_job(KEY, **RUNNING, pod_name=POD)
    await world.logs.print(POD, b"one\ntw", None)
    async with world.app() as app, watching(app, JOB) as stream:
        await stream.wait_log("one")
        world.logs.printed[POD] = [b"one\ntwo\nthr"]
        await stream.wait_log("one", "two")


async def test_a_new_pod_restarts_the_log(world: World) -> None:
    world.add_job(KEY, **RUNNING, pod_name=POD)
    await world.logs.print(POD, b"one\ntwo\n")
    await world.logs.print(f"{KEY}-zzzzz", b"one again\n")
    async with world.app() as app, watching(app, JOB) as stream:
        await stream.wait_log("one", "two")
        world.jobs.set_status(KEY, phase=Phase.STARTING, pod_name=f"{KEY}-zzzzz")
        await stream.wait_log("one again")
        assert stream.events[-1].last_id == "zzzzz:1"
        assert (await stream.wait_kind("restart")).last_id == "zzzzz:0"


async def test_places_in_the_queue_are_told_as_they_change(world: World) -> None:
    other = "2" * 26  # of the same second, and earlier in the alphabet
    world.add_job(other, phase=Phase.QUEUED)
    world.add_job(KEY, phase=Phase.QUEUED)
    async with world.app() as app, watching(app, JOB) as stream:
        first = (await stream.wait_kind("status")).data
        world.jobs.set_status(other, phase=Phase.SUCCEEDED)
        world.clock.seconds += 1
        second = (await stream.wait_kind("status", 2)).data
        assert [first["queue_position"], second["queue_position"]] == [1, 0]
        assert second["eta_seconds"] <= first["eta_seconds"]


async def test_an_unknown_job_is_a_json_404(world: World) -> None:
    async with world.client() as client:
        for job in (KEY, "nonsense"):
            reply = await client.get(f"/v1/compile/{job}/events")
            assert (reply.status_code, reply.json()["code"]) == (404, 404)


async def test_head_tells_the_type_alone(world: World) -> None:
    world.add_job(KEY, phase=Phase.QUEUED)
    async with world.client() as client:
        reply = await client.head(f"/v1/compile/{KEY}/events")
    assert reply.headers["content-type"].startswith("text/event-stream")
    assert reply.content == b""
