"""Counts of compiles by keyboard, and the calls of old clients."""

from collections.abc import Mapping
from typing import Any

import pytest

from qmk_api.openapi import schemas, status_schemas
from tests.unit.api_fakes import KEYBOARD, FakeUsage, World, keymap_body


class CountedDays(FakeUsage):
    """One compile each day."""

    async def keyboards(self, days: int) -> Mapping[str, int]:
        return {KEYBOARD: days}


async def get(world: World, path: str) -> Any:
    async with world.client() as client:
        return await client.get(path)


async def test_accepted_compiles_are_counted_under_the_keyboards_current_name(
    world: World,
) -> None:
    async with world.client() as client:
        await client.post("/v1/compile", json=keymap_body())
        await client.post("/v1/compile", json=keymap_body(keyboard="clueboard/66"))
        await client.post("/v1/compile", json=keymap_body(keyboard="no/such"))
        await client.post("/v1/compile", json={})
        for days in ("", *(f"/days/{days}" for days in ("7", "0", "-1", "32", "365", "9" * 30))):
            path = f"/v1/metrics/keyboards{days}"
            counted = (await client.get(path)).json()
            status_schemas.KeyboardCounts.model_validate(counted)
            assert counted == {"keyboards": {KEYBOARD: 2}}


async def test_nothing_counted_is_an_empty_object(world: World) -> None:
    assert (await get(world, "/v1/metrics/keyboards")).json() == {"keyboards": {}}


@pytest.mark.parametrize("path", ["/v1/metrics/locations", "/v1/metrics/locations/days/1"])
async def test_locations_are_never_recorded(world: World, path: str) -> None:
    assert (await get(world, path)).json() == {"locations": {}}


@pytest.mark.parametrize("what", ["keyboards", "locations"])
@pytest.mark.parametrize("days", ["1.5", "x", "--1", "-", "+1", "1e3", "\u0661", "9" * 1001])
async def test_days_that_are_no_number_are_no_page(world: World, what: str, days: str) -> None:
    reply = await get(world, f"/v1/metrics/{what}/days/{days}")
    error = schemas.Error.model_validate(reply.json())
    assert (reply.status_code, error.code) == (404, 404)


@pytest.mark.parametrize(("days", "told"), [("-5", 1), ("0", 1), ("1", 1), ("31", 31), ("365", 31)])
async def test_as_many_days_are_told_as_are_kept(world: World, days: str, told: int) -> None:
    world.usage = CountedDays()
    counts = (await get(world, f"/v1/metrics/keyboards/days/{days}")).json()
    assert counts == {"keyboards": {KEYBOARD: told}}
    assert (await get(world, f"/v1/metrics/locations/days/{days}")).json() == {"locations": {}}


@pytest.mark.parametrize("body", [b"", b"{}", b"\xff\xfe", b'{"action": "compile"}'])
async def test_telemetry_is_thanked_for_and_not_read(world: World, body: bytes) -> None:
    async with world.client() as client:
        reply = await client.post("/v1/telemetry", content=body)
    assert reply.json() == {"message": "Thanks for helping to improve QMK!"}


async def test_endless_telemetry_is_refused(world: World) -> None:
    body = bytes(world.settings.body_bytes_max + 1)
    async with world.client() as client:
        reply = await client.post("/v1/telemetry", content=body)
    assert (reply.status_code, reply.json()["code"]) == (413, 413)
