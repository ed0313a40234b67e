"""GET /v1/compile/<id>: which source answers, and what each phase is called."""

from typing import Any

import httpx
import pytest

from qmk_api.openapi import schemas
from qmk_contract import artifacts
from qmk_contract.phases import Phase, Reason
from qmk_contract.result import BuildPath, Memory, RecordUse, Step, Usage
from tests.unit.api_fakes import FAILURE, RUNNING, World, key_of, keymap_body

KEY = key_of(keymap_body())


async def poll(world: World, job_id: str = KEY) -> Any:
    async with world.client() as client:
        reply = await client.get(f"/v1/compile/{job_id}")
    if reply.status_code == 200:
        schemas.CompileJobState.model_validate(reply.json())
    return reply


@pytest.mark.parametrize(
    ("phase", "reason", "status", "failed"),
    [
        (Phase.PENDING, None, "queued", None),
        (Phase.QUEUED, Reason.WAITING_FOR_SLOT, "queued", None),
        (Phase.STARTING, Reason.WAITING_FOR_POD, "queued", None),
        (Phase.RUNNING, Reason.BUILDING, "running", None),
        (Phase.SUCCEEDED, Reason.COMPLETED, "failed", True),  # nothing of it is stored any more
        (Phase.FAILED, Reason.UNKNOWN_LAYOUT, "finished", True),
        (Phase.FAILED, Reason.INVALID_KEYMAP, "finished", True),
        (Phase.FAILED, Reason.OUT_OF_MEMORY, "failed", True),
        (Phase.FAILED, Reason.INFRA_RETRIES_EXHAUSTED, "failed", True),
        (Phase.FAILED, None, "failed", True),
        (Phase.TIMED_OUT, Reason.TIME_LIMIT_EXCEEDED, "finished", True),
        (Phase.CANCELLED, Reason.CANCEL_REQUESTED, "finished", True),
    ],
)
@pytest.mark.parametrize("watching", [True, False])
async def test_phase_is_told_in_the_clients_words(
    world: World, phase: Phase, reason: Reason | None, status: str, failed: Any, watching: bool
) -> None:
    world.jobs.watching = watching
    world.add_job(KEY, phase=phase, reason=reason)
    reply = (await poll(world)).json()
    assert (reply["status"], reply["is_failed"]) == (status, failed)
    assert ("queue_position" in reply) == (status == "queued")


async def settle(client: httpx.AsyncClient) -> None:
    """Let everything be read that a process reads for itself when it starts."""
    for page in ("/readyz", "/v1/keyboards/build_status", "/v1/keyboards/error_log"):
        await client.get(page)


async def test_waiting_job_costs_neither_storage_nor_kubernetes_a_call(world: World) -> None:
    world.add_job(KEY, phase=Phase.QUEUED)
    async with world.client() as client:
        await settle(client)
        world.stored.reads.clear()
        world.jobs.calls = 0
        assert (await client.get(f"/v1/compile/{KEY}")).json()["status"] == "queued"
    assert world.stored.reads == []
    assert world.jobs.calls == 0


async def test_result_is_told_before_kubernetes_notices_the_end(world: World) -> None:
    world.add_job(KEY, **RUNNING)
    async with world.client() as client:
        assert (await client.get(f"/v1/compile/{KEY}")).json()["status"] == "running"
        world.store_build(KEY)
        world.clock.seconds += 0.2
        assert (await client.get(f"/v1/compile/{KEY}")).json()["status"] == "finished"


async def test_end_that_kubernetes_tells_first_is_not_taken_for_a_loss(world: World) -> None:
    world.add_job(KEY, **RUNNING)
    async with world.client() as client:
        assert (await client.get(f"/v1/compile/{KEY}")).json()["status"] == "running"
        world.store_build(KEY)
        world.jobs.set_status(KEY, phase=Phase.SUCCEEDED)
        assert (await client.get(f"/v1/compile/{KEY}")).json()["is_failed"] is False


async def test_many_polls_of_a_running_job_look_into_storage_rarely(world: World) -> None:
    world.add_job(KEY, **RUNNING)
    async with world.client() as client:
        await settle(client)
        await client.get(f"/v1/compile/{KEY}")
        world.stored.reads.clear()
        for _ in range(50):
            await client.get(f"/v1/compile/{KEY}")
    assert world.stored.reads == []


async def test_result_tells_how_it_was_built_and_how_long_each_step_took(world: World) -> None:
    world.store_build(
        KEY,
        path=BuildPath.FAST,
        record=RecordUse.USED,
        times={Step.QUEUE: 12, Step.COMPILE: 41},
        sandbox=("landlock-7", "seccomp"),
        usage=Usage(Memory(14210, 28672), Memory(697, 2560)),
    )
    result = (await poll(world)).json()["result"]
    assert (result["path"], result["record"]) == ("fast", "used")
    assert result["times"] == {"queue": 12, "compile": 41}
    assert result["sandbox"] == ["landlock-7", "seccomp"]
    assert result["usage"]["flash"] == {"used": 14210, "limit": 28672}


async def test_finished_job_is_remembered_but_not_for_ever(world: World) -> None:
    world.store_build(KEY)
    async with world.client() as client:
        await client.get(f"/v1/compile/{KEY}")
        world.stored.objects.clear()
        assert (await client.get(f"/v1/compile/{KEY}")).status_code == 200
        world.clock.seconds += 61
        assert (await client.get(f"/v1/compile/{KEY}")).status_code == 404


async def test_ended_job_shows_what_was_printed_and_why_it_ended(world: World) -> None:
    world.add_job(KEY, phase=Phase.TIMED_OUT, reason=Reason.TIME_LIMIT_EXCEEDED)
    world.stored.objects[artifacts.build(KEY, artifacts.FAILED_LOG)] = b"Compiling: slow.c\n"
    result = (await poll(world, f"{KEY}.mine")).json()["result"]
    assert result["output"].startswith("Compiling: slow.c\n")
    assert "time limit of 300 seconds" in result["output"]
    assert result["layout"] == "LAYOUT"
    assert '"keymap": "mine"' in result["keymap_json"]


async def test_compile_error_carries_diagnostics_and_the_command_twice(world: World) -> None:
    world.store_build(KEY, **FAILURE)
    result = (await poll(world)).json()["result"]
    assert result["message"] == "'KC_BOGUS' undeclared"
    assert result["cmd"] == result["command"]
    assert result["diagnostics"] == []


@pytest.mark.parametrize("damage", [b"{", b"[]", b"{}", b"\xff", b"null"])
async def test_damaged_result_counts_as_none(world: World, damage: bytes) -> None:
    world.stored.objects[artifacts.build(KEY, artifacts.RESULT)] = damage
    assert (await poll(world)).status_code == 404


async def test_head_of_a_poll_is_allowed(world: World) -> None:
    world.store_build(KEY)
    async with world.client() as client:
        assert (await client.head(f"/v1/compile/{KEY}")).status_code == 200


@pytest.mark.parametrize("away", ["jobs", "stored"])
async def test_unknown_job_is_503_while_nobody_can_know(world: World, away: str) -> None:
    async with world.client() as client:
        getattr(world, away).away = True
        reply = await client.get(f"/v1/compile/{KEY}")
    assert reply.status_code == 503
    assert reply.headers["Retry-After"]
    assert reply.json()["status"] == "unknown"
