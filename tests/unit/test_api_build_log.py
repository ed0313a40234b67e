"""GET /v1/compile/<id>/log: what a build printed, at any time."""

import hashlib
from typing import Any

import pytest

from qmk_contract import artifacts
from qmk_contract.phases import Phase, Reason
from qmk_contract.result import Artifact
from tests.unit.api_fakes import FAILURE, RUNNING, World, key_of, keymap_body

KEY = key_of(keymap_body())
POD = f"{KEY}-x7k2p"
LOG = "Compiling: ä.c\nLinking\n".encode()


async def get(world: World, method: str = "GET", **headers: str) -> Any:
    async with world.client() as client:
        return await client.request(method, f"/v1/compile/{KEY}.mine/log", headers=headers)


def store_log(world: World, **changes: Any) -> None:
    artifact = Artifact(len(LOG), hashlib.sha256(LOG).hexdigest())
    world.store_build(KEY, log=artifact, **changes)
    world.stored.objects[artifacts.build(KEY, artifacts.LOG)] = LOG


@pytest.mark.parametrize("changes", [{}, FAILURE])
async def test_stored_log_is_served_whole(world: World, changes: dict[str, Any]) -> None:
    store_log(world, **changes)
    reply = await get(world)
    assert (reply.status_code, reply.content) == (200, LOG)
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert reply.headers["content-length"] == str(len(LOG))
    assert reply.headers["x-log-complete"] == "true"
    again = await get(world, **{"If-None-Match": reply.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    part = await get(world, Range="bytes=0-8")
    assert (part.status_code, part.content) == (206, b"Compiling")
    head = await get(world, "HEAD")
    assert head.headers["content-length"] == str(len(LOG))
    assert head.content == b""


@pytest.mark.parametrize("phase", [Phase.PENDING, Phase.QUEUED, Phase.STARTING, Phase.RUNNING])
@pytest.mark.parametrize("printed", [False, True])
async def test_log_of_a_build_that_goes_on_is_what_there_is(
    world: World, phase: Phase, printed: bool
) -> None:
    world.add_job(KEY, phase=phase, pod_name=POD)
    if printed:
        await world.logs.print(POD, LOG, b"half a li")
    reply = await get(world)
    begun = printed and phase in (Phase.STARTING, Phase.RUNNING)
    assert (reply.status_code, reply.content) == (200, LOG + b"half a li" if begun else b"")
    assert reply.headers["x-log-complete"] == "false"
    assert reply.headers["cache-control"] == "no-store"


async def test_log_without_a_pod_is_empty(world: World) -> None:
    world.add_job(KEY, **RUNNING)
    assert (await get(world)).content == b""
    assert world.logs.opened == []


@pytest.mark.parametrize("printed", [False, True])
async def test_many_requests_read_a_running_log_once_a_second(world: World, printed: bool) -> None:
    world.add_job(KEY, **RUNNING, pod_name=POD)
    if printed:
        await world.logs.print(POD, b"one\n")
    async with world.client() as client:

        async def get() -> bytes:
            return (await client.get(f"/v1/compile/{KEY}/log")).content

        before = b"one\n" if printed else b""
        assert [await get() for _ in range(20)] == [before] * 20
        assert world.logs.opened == [POD]
        await world.logs.print(POD, b"two\n")
        assert await get() == before
        world.clock.seconds += 1
        assert await get() == before + b"two\n"
        assert world.logs.opened == [POD] * 2


async def test_log_of_an_end_without_a_result_says_why(world: World) -> None:
    world.add_job(KEY, phase=Phase.TIMED_OUT, reason=Reason.TIME_LIMIT_EXCEEDED)
    reply = await get(world)
    assert reply.status_code == 200
    assert "time limit of 300 seconds" in reply.text
    assert reply.headers["x-log-complete"] == "true"
    world.stored.objects[artifacts.build(KEY, artifacts.FAILED_LOG)] = LOG
    reply = await get(world)
    assert reply.content == LOG
    assert (await get(world, **{"If-None-Match": reply.headers["etag"]})).status_code == 304


async def test_log_that_is_gone_or_cut_short_is_an_error(world: World) -> None:
    store_log(world)
    del world.stored.objects[artifacts.build(KEY, artifacts.LOG)]
    reply = await get(world)
    assert (reply.status_code, reply.json()["code"]) == (404, 404)
    world.stored.objects[artifacts.build(KEY, artifacts.LOG)] = LOG[:5]
    assert (await get(world)).status_code == 503


async def test_log_of_an_unknown_job_is_a_json_404(world: World) -> None:
    reply = await get(world)
    assert (reply.status_code, reply.json()["code"]) == (404, 404)


async def test_result_says_where_the_log_is(world: World) -> None:
    store_log(world)
    async with world.client() as client:
        result = (await client.get(f"/v1/compile/{KEY}.mine")).json()["result"]
    assert result["log_url"] == [f"https://api.example.org/v1/compile/{KEY}.mine/log"]
