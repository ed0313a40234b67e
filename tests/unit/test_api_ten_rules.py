"""What breaks the main client if it is otherwise: at least one test for each rule.

Rules 4 and 6 also hold for what is refused before any application sees it: over bare sockets, in
tests/integration/test_api_protocol.py. Rule 8 also holds while pods are replaced:
tests/e2e/test_rollout.py.
"""

import json
import re
from email.utils import parsedate_to_datetime
from typing import Any

import pytest

from qmk_api.openapi import schemas
from qmk_contract.phases import Phase, Reason
from tests.unit.api_fakes import FAILURE, NOW, RUNNING, World, key_of, keymap_body

KEY = key_of(keymap_body())
JOB = f"{KEY}.my_keymap"
#: What the client's page removes of each line of output; whatever we add must survive it.
STRIPPED_BY_PAGE = re.compile(r"\[.*m", re.IGNORECASE)
STATUSES = {"queued", "running", "finished", "failed", "unknown"}


async def poll(world: World, job_id: str = JOB) -> Any:
    async with world.client() as client:
        return await client.get(f"/v1/compile/{job_id}")


async def state(world: World) -> Any:
    reply = await poll(world)
    assert reply.status_code == 200
    schemas.CompileJobState.model_validate(reply.json())
    return reply.json()


async def test_rule_1_urls_are_arrays_of_absolute_urls(world: World) -> None:
    world.store_build(KEY)
    result = (await state(world))["result"]
    base = f"https://api.example.org/v1/compile/{JOB}"
    assert result["firmware_binary_url"] == [f"{base}/download"]
    assert result["firmware_keymap_url"] == [f"{base}/keymap"]
    assert result["firmware_source_url"] == [f"{base}/source"]
    assert result["keymap_c_url"] == [f"{base}/keymap.c"]
    urls = [url for name, value in result.items() if name.endswith("_url") for url in value]
    assert all(url.startswith(f"{base}/") for url in urls)


async def test_rule_2_no_firmware_leaves_the_url_out(world: World) -> None:
    world.store_build(KEY, **FAILURE)
    result = (await state(world))["result"]
    assert "firmware_binary_url" not in result
    assert result["firmware_filename"] == ""
    assert result["firmware_source_url"]
    async with world.client() as client:
        offered = [await client.get(f"/v1/compile/{JOB}/{name}") for name in ("keymap", "source")]
        missing = await client.get(f"/v1/compile/{JOB}/download")
    assert [reply.status_code for reply in offered] == [200, 200]
    assert (missing.status_code, missing.json()["code"]) == (404, 404)


ENDS: list[dict[str, Any]] = [
    {"phase": Phase.TIMED_OUT, "reason": Reason.TIME_LIMIT_EXCEEDED},
    {"phase": Phase.CANCELLED},
    {"phase": Phase.SUCCEEDED},
    {"phase": Phase.FAILED},
    *({"phase": Phase.FAILED, "reason": reason} for reason in Reason),
]


@pytest.mark.parametrize("end", ENDS)
async def test_rule_3_every_end_has_a_result_with_text_output(world: World, end: Any) -> None:
    world.add_job(KEY, **end)
    reply = await state(world)
    assert isinstance(reply["result"]["output"], str)
    assert reply["result"]["output"].strip()
    assert STRIPPED_BY_PAGE.sub("", reply["result"]["output"]) == reply["result"]["output"]
    assert reply["is_failed"] is True
    assert reply["result"]["returncode"] != 0


async def test_rule_4_errors_of_a_poll_are_json(world: World, monkeypatch: Any) -> None:
    unknown = await poll(world, "a" * 26)
    assert (unknown.status_code, unknown.json()["code"]) == (404, 404)
    world.jobs.away = True
    away = await poll(world)
    assert (away.status_code, away.json()["code"]) == (503, 503)
    monkeypatch.setattr(world.jobs, "known", None)
    broken = await poll(world)
    assert (broken.status_code, broken.json()["code"]) == (500, 500)
    for reply in (unknown, away, broken):
        schemas.Error.model_validate(reply.json())
        assert reply.headers["Access-Control-Allow-Origin"] == "*"


async def test_rule_5_what_the_page_sends_is_accepted(world: World) -> None:
    odd = keymap_body(keymap='Jö\'s / "map"\n😀', layers=[["KC_A"] * 4, None, None])
    async with world.client() as client:
        assert (await client.post("/v1/compile", json=odd)).json()["enqueued"] is True


@pytest.mark.parametrize("job_id", [JOB, KEY, "a" * 26, "nonsense", "x" * 5000, "%2e%2e", "{}"])
async def test_rule_6_status_is_always_there(world: World, job_id: str) -> None:
    world.add_job(KEY, **RUNNING)
    assert (await poll(world, job_id)).json()["status"] in STATUSES
    world.jobs.away = world.stored.away = True
    assert (await poll(world, job_id)).json()["status"] == "unknown"


async def test_rule_7_failed_build_is_finished(world: World) -> None:
    world.store_build(KEY, **FAILURE)
    reply = await state(world)
    assert reply["status"] == "finished"
    assert reply["is_failed"] is True
    assert reply["result"]["returncode"] == 2


async def test_rule_7_failed_is_for_the_service(world: World) -> None:
    world.add_job(KEY, phase=Phase.FAILED, reason=Reason.NODE_LOST, message="the node went away")
    reply = await state(world)
    assert reply["status"] == "failed"
    assert "the node went away" in reply["result"]["output"]
    assert "try" in reply["result"]["output"].lower()


async def test_rule_7_success_without_a_firmware_is_a_failure(world: World) -> None:
    world.store_build(KEY, firmware=None)
    reply = await state(world)
    assert (reply["status"], reply["is_failed"]) == ("finished", True)
    assert reply["result"]["returncode"] == -4


async def test_rule_8_polls_of_an_open_job_survive_an_outage_of_storage(world: World) -> None:
    world.add_job(KEY, **RUNNING)
    world.stored.away = True
    assert (await state(world))["status"] == "running"


async def test_rule_8_finished_job_survives_an_outage_of_kubernetes(world: World) -> None:
    world.store_build(KEY)
    world.jobs.away = True
    assert (await state(world))["status"] == "finished"


async def test_rule_9_service_tells_a_whole_queue_length(world: World) -> None:
    for number, phase in enumerate([*Phase, *[Phase.QUEUED] * 20]):
        world.add_job(f"{number:026}", phase=phase)
    async with world.client() as client:
        length = (await client.get("/v1")).json()["queue_length"]
    assert (type(length), length) == (int, 23)


async def test_rule_10_null_layers_and_any_name_are_built(world: World) -> None:
    layers = [["KC_A", None, "KC_A", "KC_A"], None]
    async with world.client() as client:
        reply = await client.post("/v1/compile", json=keymap_body(keymap="a'b", layers=layers))
    key, _, name = reply.json()["job_id"].partition(".")
    assert world.jobs.jobs[key].spec.keymap["layers"] == [
        ["KC_A", "KC_NO", "KC_A", "KC_A"],
        ["KC_TRNS"] * 4,
    ]
    assert name == "a_b"


async def test_finished_reply_has_the_fields_of_old(world: World) -> None:
    world.store_build(KEY)
    reply = await state(world)
    assert reply["id"] == JOB
    assert parsedate_to_datetime(reply["created_at"]) == NOW
    assert reply["created_at"] == reply["enqueued_at"] == "Tue, 24 Nov 2026 08:00:00 GMT"
    result = reply["result"]
    assert result["id"] == JOB
    assert (result["keyboard"], result["keymap"]) == ("clueboard/66/rev3", "my_keymap")
    assert (result["layout"], result["returncode"]) == ("LAYOUT", 0)
    assert result["output"] == "Compiling: keymap.c\n"
    assert result["command"] == ["qmk", "compile", "keymap.json"]
    assert result["firmware"] is None
    assert result["firmware_filename"] == "clueboard_66_rev3_my_keymap.hex"
    assert result["keymap_archive"] == "clueboard-66-rev3-my_keymap.json"
    assert result["source_archive"] == "qmk_firmware-clueboard-66-rev3-my_keymap.zip"
    assert json.loads(result["keymap_json"]) == {"version": 1, **keymap_body()}
    assert result["public_firmware"] is False
    assert "source_ip" not in result
    assert result["reason"] == "Completed"
    assert result["times"] == {"compile": 900}


async def test_waiting_reply_has_nulls_and_a_position(world: World) -> None:
    world.add_job("2" * 26, phase=Phase.QUEUED)
    world.add_job(KEY, phase=Phase.QUEUED, reason=Reason.WAITING_FOR_SLOT)
    reply = await state(world)
    assert (reply["status"], reply["is_failed"], reply["result"]) == ("queued", None, None)
    assert (reply["queue_position"], reply["queue_length"]) == (1, 2)
    assert reply["created_at"] == "Tue, 24 Nov 2026 08:00:00 GMT"
