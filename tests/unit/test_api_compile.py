"""POST /v1/compile: what is accepted, what is refused, and what is created for it."""

import asyncio
import json
from typing import Any

import pytest

from qmk_api.openapi import schemas
from qmk_contract.phases import Phase, Reason
from tests.unit.api_fakes import (
    COMMIT,
    FAILURE,
    KEYBOARD,
    KEYS,
    RUNNING,
    World,
    key_of,
    keymap_body,
)


async def post(world: World, body: Any, **options: Any) -> Any:
    async with world.client() as client:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return await client.post("/v1/compile", content=content, **options)


async def test_new_keymap_creates_one_compile_job_named_after_its_build(world: World) -> None:
    reply = await post(world, keymap_body())
    key = key_of(keymap_body())
    assert reply.status_code == 200
    assert reply.json() == {"enqueued": True, "job_id": f"{key}.my_keymap", "cached": False}
    schemas.Enqueued.model_validate(reply.json())
    assert world.jobs.created == [key]
    spec = world.jobs.jobs[key].spec
    assert (spec.keyboard, spec.keymap_name, spec.channel) == (KEYBOARD, "my_keymap", "master")
    assert spec.firmware_commit == COMMIT
    assert spec.keymap == {"layout": "LAYOUT", "layers": [["KC_A"] * KEYS]}
    assert "127.0.0.1" not in spec.client


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_content_type_is_not_looked_at(world: World, content_type: str) -> None:
    reply = await post(world, keymap_body(), headers={"Content-Type": content_type})
    assert reply.status_code == 200


async def test_alias_layout_alias_nulls_and_odd_name_build_the_same(world: World) -> None:
    first = await post(
        world, keymap_body(layers=[["KC_A", "KC_NO", "KC_A", "KC_A"], ["KC_TRNS"] * 4])
    )
    second = await post(
        world,
        keymap_body(
            keyboard="clueboard/66",
            keymap='l\'été / "x"',
            layout="LAYOUT_all",
            layers=[["KC_A", None, "KC_A", "KC_A"], None],
            notes="of nobody else's business",
            author="me",
        ),
    )
    assert second.status_code == 200
    key, _, name = second.json()["job_id"].partition(".")
    assert key == first.json()["job_id"].partition(".")[0]
    assert name == "l__t_____x_"
    assert len(world.jobs.created) == 1
    assert "business" not in repr(world.jobs.jobs)


async def test_stored_build_is_answered_without_creating_anything(world: World) -> None:
    world.store_build(key_of(keymap_body()))
    for _ in range(2):  # from storage, then from memory
        reply = await post(world, keymap_body())
        assert (reply.json()["enqueued"], reply.json()["cached"]) == (True, True)
    assert world.jobs.created == []


async def test_equal_keymap_that_is_being_built_is_no_stored_one(world: World) -> None:
    replies = [(await post(world, keymap_body())).json() for _ in range(2)]
    assert [reply["cached"] for reply in replies] == [False, False]


async def test_all_faults_of_a_keymap_are_told_at_once(world: World) -> None:
    rows = [["LT(77, KC_A)", "KC_A", "MO(1", "KC_A"], ["KC_\ud800"] * 4]
    reply = await post(world, keymap_body(layers=rows))
    body = schemas.Error.model_validate(reply.json())
    assert (body.code, body.layer, body.key) == (422, 0, 0)
    assert body.message == body.diagnostics[0].message
    assert [(item.layer, item.key) for item in body.diagnostics] == [
        (0, 0), (0, 2), (1, 0), (1, 1), (1, 2), (1, 3),
    ]  # fmt: skip
    rows = [["KC_A"] * 3, ["KC_A"] * 4, ["KC_A"] * 5]
    body = schemas.Error.model_validate((await post(world, keymap_body(layers=rows))).json())
    assert [item.layer for item in body.diagnostics] == [0, 2]
    assert world.jobs.created == []


async def test_stored_failure_is_an_answer_too(world: World) -> None:
    world.store_build(key_of(keymap_body()), **FAILURE)
    assert (await post(world, keymap_body())).status_code == 200
    assert world.jobs.created == []


async def test_second_hit_asks_storage_nothing(world: World) -> None:
    world.store_build(key_of(keymap_body()))
    async with world.client() as client:
        await client.post("/v1/compile", json=keymap_body())
        world.stored.reads.clear()
        reply = await client.post("/v1/compile", json=keymap_body(keymap="other"))
        state = await client.get(f"/v1/compile/{reply.json()['job_id']}")
    assert state.json()["status"] == "finished"
    assert world.stored.reads == []


async def test_hundred_equal_requests_at_once_create_one_compile_job(world: World) -> None:
    async with world.client() as client:
        replies = await asyncio.gather(
            *(client.post("/v1/compile", json=keymap_body(keymap=f"n{i}")) for i in range(100))
        )
    assert {reply.status_code for reply in replies} == {200}
    assert len(world.jobs.created) == 1


@pytest.mark.parametrize("watching", [True, False])
async def test_running_build_is_joined(world: World, watching: bool) -> None:
    world.jobs.watching = watching
    world.add_job(key_of(keymap_body()), **RUNNING)
    assert (await post(world, keymap_body())).status_code == 200
    assert world.jobs.created == []
    assert world.jobs.jobs[key_of(keymap_body())].spec.rerun == 0


@pytest.mark.parametrize(
    "status",
    [
        {"phase": Phase.TIMED_OUT, "reason": Reason.TIME_LIMIT_EXCEEDED},
        {"phase": Phase.CANCELLED, "reason": Reason.CANCEL_REQUESTED},
        {"phase": Phase.FAILED, "reason": Reason.NODE_LOST, "rerun": 2},
        {"phase": Phase.SUCCEEDED, "reason": Reason.COMPLETED},
    ],
)
async def test_ended_job_without_a_result_runs_again(world: World, status: Any) -> None:
    key = key_of(keymap_body())
    world.add_job(key, **status)
    async with world.client() as client:
        reply = await client.post("/v1/compile", json=keymap_body())
        state = await client.get(f"/v1/compile/{reply.json()['job_id']}")
    assert world.jobs.jobs[key].spec.rerun == status.get("rerun", 0) + 1
    assert state.json()["status"] == "queued"


async def test_rerun_asked_by_someone_else_is_joined(world: World) -> None:
    key = key_of(keymap_body())
    job = world.add_job(key, phase=Phase.TIMED_OUT)
    await world.jobs.ask_rerun(job)
    assert (await post(world, keymap_body())).status_code == 200
    assert world.jobs.jobs[key].spec.rerun == 1


async def test_result_under_the_operators_own_key_is_not_built_again(world: World) -> None:
    key, other = key_of(keymap_body()), "z" * 26
    world.add_job(key, phase=Phase.SUCCEEDED, build_key=other)
    world.store_build(other)
    async with world.client() as client:
        reply = await client.post("/v1/compile", json=keymap_body())
        state = await client.get(f"/v1/compile/{reply.json()['job_id']}")
        firmware = await client.get(f"/v1/compile/{reply.json()['job_id']}/download")
    assert world.jobs.jobs[key].spec.rerun == 0
    assert state.json()["is_failed"] is False
    assert firmware.status_code == 200


#: Numbers that readers of JSON keep each in its own way.
NOT_EXACT = ("1e400", "-1e400", "1e300", str(2**60), str(-(2**53)), "9" * 5000)


def with_number(field: str, value: str) -> bytes:
    """A keymap with a value that json.dumps() would not write."""
    body = json.dumps(keymap_body(**{field: "<value>"}))
    return body.replace('"<value>"', value).encode()


@pytest.mark.parametrize("name", ["\ud83d", "half \ude00 of it", "\ud83d" * 100, "\0", "💥", ""])
async def test_no_keymap_name_is_refused(world: World, name: str) -> None:
    body = keymap_body(keymap=name, notes=name, **{name: name})
    reply = await post(world, json.dumps(body).encode())
    assert reply.status_code == 200, reply.text


@pytest.mark.parametrize("field", ["notes", "version", "author", "documentation", "no_such_field"])
@pytest.mark.parametrize("number", NOT_EXACT)
async def test_fields_that_nobody_reads_may_hold_any_number(
    world: World, field: str, number: str
) -> None:
    reply = await post(world, with_number(field, number))
    assert reply.status_code == 200, reply.text
    assert world.jobs.created == [key_of(keymap_body())]


BAD = [
    (b"", 400, "JSON"),
    (b"not json", 400, "JSON"),
    (b"[]", 400, "object"),
    (b'"text"', 400, "object"),
    (b"null", 400, "object"),
    (b"{}", 400, "keyboard, layout, layers"),
    (b"\xff\xfe{}", 400, "UTF-8"),
    (b'{"keyboard": NaN}', 400, "NaN"),
    (b"[" * 100_000, 400, "nested too deeply"),
    (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, 400, "nested too deeply"),
    (b" " * (1 << 20) + b"{}", 413, "larger than"),
    (keymap_body(keyboard=None), 400, "keyboard"),
    (keymap_body(keyboard=5), 422, "keyboard"),
    (keymap_body(keyboard=["a"]), 422, "keyboard"),
    (keymap_body(keyboard=""), 422, "keyboard"),
    (keymap_body(keyboard="../etc/passwd"), 422, "keyboard"),
    (keymap_body(keyboard="a b"), 422, "keyboard"),
    (keymap_body(keyboard="no/such_board"), 422, "unknown keyboard: no/such_board"),
    (keymap_body(keymap=5), 422, "keymap"),
    (keymap_body(keymap={}), 422, "keymap"),
    (keymap_body(layout=None), 400, "layout"),
    (keymap_body(layout="LAYOUT_none"), 422, "its layouts are: ALT, LAYOUT"),
    (keymap_body(layout="a-b"), 422, "layout"),
    (keymap_body(layers=[]), 422, "layers"),
    (keymap_body(layers={}), 422, "layers"),
    (keymap_body(layers="KC_A"), 422, "layers"),
    (keymap_body(layers=[["KC_A"] * 3]), 422, "layer 0 has 3 keys, LAYOUT has 4"),
    (keymap_body(layers=[["KC_A"] * 4] * 33), 422, "too many layers"),
    (keymap_body(layers=[["KC_A"] * 513]), 422, "512"),
    (keymap_body(layers=[["KC_A", 5, "KC_A", "KC_A"]]), 422, "string"),
    (keymap_body(layers=[["KC_A", "MO(1", "KC_A", "KC_A"]]), 422, "unbalanced"),
    (keymap_body(layers=[["KC_A", 'a"; system("x', "KC_A", "KC_A"]]), 422, "character"),
    (keymap_body(config=5), 422, "config"),
    (keymap_body(keyboard="\ud800"), 422, "keyboard"),
    *((with_number("config", f'{{"x": {n}}}'), 422, "config.x") for n in NOT_EXACT),
    *((with_number("layers", f"[[{n}]]"), 422, "string") for n in NOT_EXACT),
    *((with_number("keyboard", n), 422, "keyboard") for n in NOT_EXACT),
    (with_number("macros", '[[{"action": "delay", "duration": 1e400}]]'), 422, "duration"),
    (keymap_body(converter="../x"), 422, "converter"),
    (keymap_body(branch="no-such"), 422, "no such firmware channel"),
    (keymap_body(branch="../x"), 422, "branch"),
    (keymap_body(branch=5), 422, "branch"),
]


@pytest.mark.parametrize(("body", "code", "said"), BAD)
async def test_bad_input_is_told_in_json_and_creates_nothing(
    world: World, body: Any, code: int, said: str
) -> None:
    reply = await post(world, body)
    assert reply.status_code == code, reply.text
    assert schemas.Error.model_validate(reply.json()).code == code
    assert said in reply.json()["message"]
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert world.jobs.created == []


async def test_bad_keycode_is_told_with_its_place(world: World) -> None:
    layers = [["KC_A"] * 4, ["KC_A", "KC_A", "MO(1", "KC_A"]]
    reply = await post(world, keymap_body(layers=layers))
    assert reply.json()["layer"] == 1
    assert reply.json()["key"] == 2
    assert reply.json()["reason"] == "InvalidKeymap"


async def test_body_without_a_length_is_cut_off_at_the_limit(world: World) -> None:
    async def endless() -> Any:
        while True:
            yield b" " * 65536

    async with world.client() as client:
        reply = await client.post("/v1/compile", content=endless())
    assert reply.status_code == 413


async def test_branch_selects_a_published_channel(world: World) -> None:
    world.publish("develop", "d" * 40)
    reply = await post(world, keymap_body(branch="develop"))
    job = world.jobs.jobs[reply.json()["job_id"].partition(".")[0]]
    assert (job.spec.channel, job.spec.firmware_commit) == ("develop", "d" * 40)


async def test_moved_channel_is_followed_within_seconds(world: World) -> None:
    async with world.client() as client:
        await client.post("/v1/compile", json=keymap_body())
        world.publish(commit="d" * 40)
        world.clock.seconds += 5
        await client.post("/v1/compile", json=keymap_body())
    assert {job.spec.firmware_commit for job in world.jobs.jobs.values()} == {COMMIT, "d" * 40}


async def test_nothing_published_yet_is_503(world: World) -> None:
    world.stored.objects.clear()
    reply = await post(world, keymap_body())
    assert reply.status_code == 503
    assert int(reply.headers["Retry-After"]) > 0


@pytest.mark.parametrize("away", ["jobs", "stored"])
async def test_unavailable_world_is_503_and_creates_nothing(world: World, away: str) -> None:
    async with world.client() as client:
        getattr(world, away).away = True
        reply = await client.post("/v1/compile", json=keymap_body())
        assert reply.status_code == 503
        assert int(reply.headers["Retry-After"]) > 0
        assert schemas.Error.model_validate(reply.json()).code == 503
        assert world.jobs.created == []
        getattr(world, away).away = False
        assert (await client.post("/v1/compile", json=keymap_body())).status_code == 200


async def test_whole_floats_are_the_integers_that_kubernetes_gives_back(world: World) -> None:
    reply = await post(world, keymap_body(config={"x": 1.0, "y": 2.5}))
    spec = world.jobs.jobs[reply.json()["job_id"].partition(".")[0]].spec
    assert json.dumps(spec.keymap["config"]) == '{"x": 1, "y": 2.5}'
