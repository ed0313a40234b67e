"""Firmware, keymap and source, under the user's own file names."""

import json
from typing import Any

import pytest

from qmk_contract import artifacts
from qmk_contract.phases import Phase, Reason
from tests.unit.api_fakes import FAILURE, HEX, RUNNING, World, key_of, keymap_body, success

KEY = key_of(keymap_body())
JOB = f"{KEY}.my_keymap"


@pytest.fixture
def world() -> World:
    made = World()
    made.publish()
    return made


async def get(world: World, path: str, method: str = "GET", **options: Any) -> Any:
    async with world.client() as client:
        return await client.request(method, f"/v1/compile/{path}", **options)


@pytest.mark.parametrize("name", ["download", "hex"])
async def test_firmware_comes_named_measured_and_tagged(world: World, name: str) -> None:
    result = world.store_build(KEY)
    reply = await get(world, f"{JOB}/{name}")
    assert reply.content == HEX
    assert reply.headers["Content-Disposition"] == (
        'attachment; filename="clueboard_66_rev3_my_keymap.hex"'
    )
    assert reply.headers["Content-Length"] == str(len(HEX))
    assert reply.headers["Content-Type"] == "application/octet-stream"
    assert result.firmware is not None
    assert reply.headers["ETag"] == f'"{result.firmware.sha256}"'
    assert world.stored.opened[0].closed


async def test_job_id_without_a_name_gives_the_default_name(world: World) -> None:
    world.store_build(KEY)
    reply = await get(world, f"{KEY}/download")
    assert 'filename="clueboard_66_rev3_keymap.hex"' in reply.headers["Content-Disposition"]


@pytest.mark.parametrize("name", ["download", "hex", "keymap", "source"])
async def test_head_tells_the_same_headers_without_the_content(world: World, name: str) -> None:
    world.store_build(KEY)
    head, whole = await get(world, f"{JOB}/{name}", "HEAD"), await get(world, f"{JOB}/{name}")
    assert head.status_code == whole.status_code == 200
    assert head.headers == whole.headers
    assert all(stored.closed for stored in world.stored.opened)


@pytest.mark.parametrize("name", ["download", "keymap"])
async def test_file_that_the_caller_has_is_not_sent_again(world: World, name: str) -> None:
    world.store_build(KEY)
    etag = (await get(world, f"{JOB}/{name}")).headers["ETag"]
    reply = await get(world, f"{JOB}/{name}", headers={"If-None-Match": f'"x", W/{etag}'})
    assert (reply.status_code, reply.content) == (304, b"")


async def test_failed_build_offers_keymap_and_source_but_no_firmware(world: World) -> None:
    world.store_build(KEY, **FAILURE)
    firmware = await get(world, f"{JOB}/download")
    assert firmware.status_code == 404
    assert firmware.json()["reason"] == "CompileError"
    assert "KC_BOGUS" in firmware.json()["message"]
    assert (await get(world, f"{JOB}/keymap")).status_code == 200
    assert (await get(world, f"{JOB}/source")).status_code == 200


async def test_keymap_carries_the_users_name_and_nobody_elses_notes(world: World) -> None:
    world.store_build(KEY)
    reply = await get(world, f"{JOB}/keymap")
    assert reply.json() == {"version": 1, **keymap_body()}
    assert reply.headers["Content-Type"] == "application/json"
    assert 'filename="clueboard-66-rev3-my_keymap.json"' in reply.headers["Content-Disposition"]


async def test_source_is_the_tree_of_the_builds_commit(world: World) -> None:
    world.store_build(KEY)
    reply = await get(world, f"{JOB}/source")
    assert reply.content == b"PK the whole tree"
    assert reply.headers["Content-Type"] == "application/zip"
    name = "qmk_firmware-clueboard-66-rev3-my_keymap.zip"
    assert f'filename="{name}"' in reply.headers["Content-Disposition"]


async def test_job_before_its_end_offers_keymap_and_source(world: World) -> None:
    world.add_job(KEY, **RUNNING)
    firmware = await get(world, f"{JOB}/download")
    assert (firmware.status_code, firmware.json()["reason"]) == (404, "Building")
    assert (await get(world, f"{JOB}/keymap")).json() == {"version": 1, **keymap_body()}
    assert (await get(world, f"{JOB}/source")).status_code == 200


async def test_job_that_timed_out_says_so_instead_of_a_firmware(world: World) -> None:
    world.add_job(KEY, phase=Phase.TIMED_OUT, reason=Reason.TIME_LIMIT_EXCEEDED)
    reply = await get(world, f"{JOB}/download")
    assert reply.status_code == 404
    assert "time limit" in reply.json()["message"]
    assert (await get(world, f"{JOB}/keymap")).status_code == 200


async def test_firmware_that_expired_is_404(world: World) -> None:
    world.store_build(KEY)
    del world.stored.objects[artifacts.build(KEY, artifacts.FIRMWARE)]
    reply = await get(world, f"{JOB}/download")
    assert (reply.status_code, reply.json()["code"]) == (404, 404)


async def test_source_that_expired_is_404(world: World) -> None:
    world.store_build(KEY)
    del world.stored.objects[artifacts.source(success(KEY).firmware_commit)]
    assert (await get(world, f"{JOB}/source")).status_code == 404


@pytest.mark.parametrize("name", ["download", "hex", "keymap", "source"])
@pytest.mark.parametrize("job_id", ["a" * 26, "nonsense", "..", "%2e%2e%2fx", f"{KEY}.a/b"])
async def test_unknown_job_is_404_in_json(world: World, job_id: str, name: str) -> None:
    reply = await get(world, f"{job_id}/{name}")
    assert (reply.status_code, reply.json()["code"]) == (404, 404)


@pytest.mark.parametrize("name", ["download", "keymap", "source"])
async def test_storage_outage_is_503(world: World, name: str) -> None:
    async with world.client() as client:
        world.stored.away = True
        reply = await client.get(f"/v1/compile/{JOB}/{name}")
    assert reply.status_code == 503
    assert json.loads(reply.content)["code"] == 503
    assert reply.headers["Retry-After"]
