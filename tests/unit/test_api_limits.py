"""Fair use: rates and bounds of the queue, as callers of POST /v1/compile meet them."""

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import pytest

from qmk_api.adapters.rate_limits import COUNTERS_MAX, RateLimits
from qmk_api.adapters.redis_link import RedisLink
from qmk_api.compiling.fair_use import (
    NO_BOUND,
    RETRY_SECONDS_MAX,
    Crowd,
    Kind,
    QueueBounds,
    TooManyRequests,
    no_room,
)
from qmk_api.openapi import schemas
from qmk_api.settings import LimitSettings
from qmk_contract.compile_job import ANONYMOUS
from qmk_contract.phases import JobClass, Phase
from tests.unit.api_fakes import RUNNING, SETTINGS, World, key_of, keymap_body


def world_of(proxies: int = 1, **limits: Any) -> World:
    """A world whose callers tell their address in X-Forwarded-For."""
    made = World(
        replace(SETTINGS, trusted_proxies=proxies, limits=replace(LimitSettings(), **limits))
    )
    made.publish()
    return made


async def post(
    client: httpx.AsyncClient, code: str = "KC_A", address: str = "192.0.2.1"
) -> httpx.Response:
    body = keymap_body(layers=[[code, "KC_A", "KC_A", "KC_A"]])
    return await client.post("/v1/compile", json=body, headers={"X-Forwarded-For": address})


def check_refused(reply: httpx.Response, position: int | None) -> None:
    assert reply.status_code == 429, reply.text
    told = reply.json()
    assert schemas.Error.model_validate(told).code == 429
    assert told.get("queue_position") == position
    assert ("queue_position" in told) == ("queue_length" in told) == (position is not None)
    assert int(reply.headers["Retry-After"]) == told["retry_after"] >= 1
    assert reply.headers["Access-Control-Allow-Origin"] == "*"


async def test_above_the_rate_is_429_for_that_client_alone() -> None:
    world = world_of(compile_rate="3/hour")
    async with world.client() as client:
        assert [(await post(client)).status_code for _ in range(3)] == [200] * 3
        world.clock.seconds += 1
        refused = await post(client)
        check_refused(refused, position=None)
        assert refused.json()["retry_after"] <= 3600
        assert "3/hour" in refused.json()["message"]
        assert (await post(client, address="192.0.2.2")).status_code == 200


async def test_rate_counts_before_the_body_is_read() -> None:
    world = world_of(compile_rate="1/hour")
    async with world.client() as client:
        headers = {"X-Forwarded-For": "192.0.2.1"}
        bad = await client.post("/v1/compile", content=b"no json", headers=headers)
        assert bad.status_code == 400
        assert (await post(client)).status_code == 429


async def test_rate_0_is_no_bound() -> None:
    world = world_of(compile_rate="0")
    async with world.client() as client:
        assert {(await post(client)).status_code for _ in range(50)} == {200}


async def test_callers_whom_nobody_can_tell_are_not_held_to_one_clients_bounds() -> None:
    world = world_of(compile_rate="1/hour", queued_per_client=1)
    async with world.client() as client:
        replies = [await post(client, f"KC_{n}", "unknown") for n in range(5)]
    assert {reply.status_code for reply in replies} == {200}
    assert {job.spec.client for job in world.jobs.jobs.values()} == {ANONYMOUS}


async def test_polls_are_never_limited() -> None:
    world = world_of(compile_rate="1/hour")
    async with world.client() as client:
        job_id = (await post(client)).json()["job_id"]
        polls = [await client.get(f"/v1/compile/{job_id}") for _ in range(20)]
    assert {poll.status_code for poll in polls} == {200}


async def test_one_more_job_than_a_client_may_have_waiting_is_429_until_one_begins() -> None:
    world = world_of(queued_per_client=3)
    async with world.client() as client:
        for number in range(3):
            assert (await post(client, f"KC_{number}")).status_code == 200
        check_refused(await post(client, "KC_3"), position=3)
        assert (await post(client, "KC_3", "192.0.2.2")).status_code == 200
        assert (await post(client, "KC_3")).status_code == 200, "it joins the other's job"
        assert (await post(client, "KC_0")).status_code == 200, "it joins its own"
        world.jobs.set_status(world.jobs.created[0], **RUNNING)
        world.clock.seconds += 1
        assert (await post(client, "KC_4")).status_code == 200
    assert len(world.jobs.created) == 5


async def test_full_queue_is_429_for_all_but_hits_and_joins() -> None:
    world = world_of(queued=2)
    stored = keymap_body(layers=[["KC_9", "KC_A", "KC_A", "KC_A"]])
    world.store_build(key_of(stored))
    async with world.client() as client:
        for number in range(2):
            assert (await post(client, f"KC_{number}", f"192.0.2.{number}")).status_code == 200
        for later in (0, 1):
            world.clock.seconds += later
            refused = await post(client, "KC_3", "192.0.2.9")
            check_refused(refused, position=2)
            assert refused.json()["queue_length"] == 2
            assert "full" in refused.json()["message"]
        assert (await post(client, "KC_1", "192.0.2.9")).status_code == 200
        assert (await post(client, "KC_9", "192.0.2.9")).status_code == 200
    assert len(world.jobs.created) == 2


async def test_jobs_that_nobody_waits_for_fill_no_queue() -> None:
    world = world_of(queued=2, queued_per_client=1)
    for number, job_class in enumerate([JobClass.TEST, JobClass.CI] * 20):
        job = world.add_job(f"{number:026}", phase=Phase.QUEUED)
        world.jobs.jobs[job.name] = replace(
            job, spec=replace(job.spec, job_class=job_class, client="192.0.2.1")
        )
    async with world.client() as client:
        assert (await post(client, "KC_0")).status_code == 200
        check_refused(await post(client, "KC_1"), position=1)
        assert (await post(client, "KC_1", "192.0.2.2")).status_code == 200
        refused = await post(client, "KC_2", "192.0.2.3")
        check_refused(refused, position=2)
        assert refused.json()["queue_length"] == 2


async def test_join_of_a_job_that_the_watch_has_not_seen_passes_the_bound() -> None:
    world = world_of(queued=1)
    async with world.client() as client:
        assert (await post(client, "KC_0")).status_code == 200
        world.jobs.watching = False
        assert (await post(client, "KC_0", "192.0.2.2")).status_code == 200
        assert (await post(client, "KC_1", "192.0.2.2")).status_code == 429
    assert len(world.jobs.created) == 1


async def test_burst_at_once_stays_within_the_bound() -> None:
    world = world_of(queued_per_client=7)
    async with world.client() as client:
        replies = await asyncio.gather(*(post(client, f"KC_F{n}") for n in range(1, 21)))
    assert sorted(reply.status_code for reply in replies) == [200] * 7 + [429] * 13
    assert len(world.jobs.created) == 7


async def test_refusal_of_one_client_is_not_that_of_another_with_the_same_keymap() -> None:
    world = world_of(queued_per_client=1)
    async with world.client() as client:
        assert (await post(client, "KC_0")).status_code == 200
        refused, created = await asyncio.gather(
            post(client, "KC_1"), post(client, "KC_1", "192.0.2.2")
        )
    assert created.status_code == 200
    assert refused.status_code in (200, 429), "it may come in time to join"


async def test_creation_that_fails_gives_its_place_back() -> None:
    world = world_of(queued_per_client=1)
    async with world.client() as client:
        world.jobs.away = True
        assert (await post(client, "KC_0")).status_code == 503
        world.jobs.away = False
        assert (await post(client, "KC_0")).status_code == 200


async def test_rerun_needs_a_place_too() -> None:
    world = world_of(queued=1)
    ended = keymap_body(layers=[["KC_8", "KC_A", "KC_A", "KC_A"]])
    world.add_job(key_of(ended), phase=Phase.TIMED_OUT)
    async with world.client() as client:
        assert (await post(client, "KC_0")).status_code == 200
        check_refused(await post(client, "KC_8"), position=1)
    assert world.jobs.jobs[key_of(ended)].spec.rerun == 0


def test_bounds_decide_for_all_before_one() -> None:
    crowd = Crowd(own=5, everyone=9, until_own=30.2, until_any=0.1)
    whole = no_room("a", QueueBounds(of_client=5, of_all=9), crowd)
    own = no_room("a", QueueBounds(of_client=5, of_all=10), crowd)
    assert whole is not None
    assert (whole.position, whole.retry_after) == (9, 1)
    assert own is not None
    assert (own.position, own.retry_after) == (5, 31)
    assert no_room("a", QueueBounds(of_client=6, of_all=10), crowd) is None
    assert no_room("a", QueueBounds(NO_BOUND, NO_BOUND), crowd) is None
    assert no_room(ANONYMOUS, QueueBounds(1, NO_BOUND), crowd) is None


def test_nobody_is_told_to_wait_for_hours_or_for_nothing() -> None:
    assert TooManyRequests("", 1e9).retry_after == RETRY_SECONDS_MAX
    assert TooManyRequests("", -5).retry_after == 1


async def test_kinds_have_rates_of_their_own() -> None:
    settings = replace(LimitSettings(), compile_rate="1/hour", converter_rate="2/hour")
    rates = RateLimits(settings, RedisLink(None))
    await rates.check(Kind.COMPILE, "a")
    await rates.check(Kind.CONVERTER, "a")
    await rates.check(Kind.CONVERTER, "a")
    for kind in Kind:
        with pytest.raises(TooManyRequests):
            await rates.check(kind, "a")


async def test_counters_of_a_process_are_bounded() -> None:
    rates = RateLimits(replace(LimitSettings(), compile_rate="1/hour"), RedisLink(None))
    for number in range(COUNTERS_MAX + 10):
        await rates.check(Kind.COMPILE, f"client-{number}")
    await rates.check(Kind.COMPILE, "client-0")
