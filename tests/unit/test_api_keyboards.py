"""Keyboards by the addresses that older clients know."""

from typing import Any

import httpx
import pytest

from qmk_api.keyboards.keyboard_routes import NAMES_MAX
from qmk_api.openapi import schemas
from qmk_contract import artifacts
from tests.unit.api_fakes import (
    COMMIT,
    KEYBOARD,
    KEYMAP_FOLDER,
    LAST_UPDATED,
    World,
    keymap_body,
)

HOST = "https://api.example.org"


async def get(world: World, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    async with world.client() as client:
        return await client.request(method, path, headers=headers)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("keyboards/all", "keyboards.json"),
        ("usb", "usb.json"),
        (f"keyboards/{KEYBOARD}", f"keyboards/{KEYBOARD}/info.json"),
        ("keyboards/clueboard/66", "keyboards/clueboard/66/info.json"),
        (f"keyboards/{KEYBOARD}/readme", f"keyboards/{KEYBOARD}/readme.md"),
        ("keyboards/clueboard/66/readme", "keyboards/clueboard/66/readme.md"),
        (f"keyboards/{KEYBOARD}/keymaps/default", f"keyboards/{KEYMAP_FOLDER}/keymap.json"),
        ("keyboards/clueboard/66/keymaps/default", f"keyboards/{KEYMAP_FOLDER}/keymap.json"),
        (f"keyboards/{KEYBOARD}/keymaps/default/readme", f"keyboards/{KEYMAP_FOLDER}/readme.md"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_older_addresses_lead_to_files_that_are_there(
    world: World, path: str, target: str, method: str
) -> None:
    reply = await get(world, f"/v1/{path}", method, Origin="https://config.qmk.fm")
    assert reply.status_code == 302
    assert reply.headers["Location"] == f"{HOST}/v1/{target}"
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    end = await get(world, f"/v1/{target}", method, Origin="null")
    assert end.status_code == 200
    assert end.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("no/board", "No such keyboard: no/board"),
        ("no/board/info.json", "No such keyboard: no/board"),
        (f"no/board,{KEYBOARD}", "No such keyboard: no/board"),
        (f"{KEYBOARD},", "No such keyboard"),
        ("<keyboard>", "No such keyboard"),
        ("x" * 1500, "No such keyboard"),
        ("no/board/readme", "No such readme: no/board"),
        (f"{KEYBOARD}/keymaps/nobody", "No such keymap: nobody"),
        (f"{KEYBOARD}/keymaps/via", "No such keymap: via"),
        (f"{KEYBOARD}/keymaps/via/readme", "No such keymap: via"),
        ("no/board/keymaps/default", "No such keymap: default"),
        (f"{KEYBOARD}/keymaps/%3Cb%3E", "No such keymap"),
    ],
)
async def test_what_there_is_not_is_named(world: World, path: str, message: str) -> None:
    reply = await get(world, f"/v1/keyboards/{path}")
    assert reply.status_code == 404
    assert reply.json() == {"code": 404, "message": message}


async def test_names_are_a_bare_array(world: World) -> None:
    reply = await get(world, "/v1/keyboards")
    assert reply.json() == [KEYBOARD]
    assert reply.headers["Content-Type"] == "application/json"
    tag = reply.headers["ETag"]
    unchanged = await get(world, "/v1/keyboards", **{"If-None-Match": tag})
    assert unchanged.status_code == 304
    head = await get(world, "/v1/keyboards", "HEAD")
    assert (head.status_code, head.content, head.headers) == (200, b"", reply.headers)


@pytest.mark.parametrize("content", [b"[]", b'{"keyboards": 5}', b"no"])
async def test_list_of_another_shape_is_the_services_fault(world: World, content: bytes) -> None:
    world.publish_site(files={"v1/keyboard_list.json": content})
    assert (await get(world, "/v1/keyboards")).status_code == 503


async def test_several_keyboards_come_under_the_names_that_were_asked_for(world: World) -> None:
    reply = await get(world, f"/v1/keyboards/{KEYBOARD},clueboard/66")
    assert reply.status_code == 200
    found = schemas.Keyboards.model_validate(reply.json())
    assert (found.git_hash, found.last_updated) == (COMMIT, LAST_UPDATED)
    assert list(found.keyboards) == [KEYBOARD, "clueboard/66"]
    assert found.keyboards["clueboard/66"] == found.keyboards[KEYBOARD]
    assert found.keyboards[KEYBOARD]["protocol"] == "LUFA"


async def test_number_of_names_is_bounded(world: World) -> None:
    many = ",".join([KEYBOARD] * NAMES_MAX)
    assert (await get(world, f"/v1/keyboards/{many}")).status_code == 200
    reply = await get(world, f"/v1/keyboards/{many},{KEYBOARD}")
    assert (reply.status_code, reply.json()["code"]) == (400, 400)
    assert str(NAMES_MAX) in reply.json()["message"]


SHAPES: list[Any] = [
    [],
    {},
    {"keyboards": []},
    {"keyboards": {KEYBOARD: []}},
    {"keyboards": {KEYBOARD: {"keymaps": []}}},
    {"keyboards": {KEYBOARD: {"keymaps": {"default": "keyboards/x/keymap.json"}}}},
    {"keyboards": {KEYBOARD: {"keymaps": {"default": {"path": 5}}}}},
    {"keyboards": {KEYBOARD: {"keymaps": {"default": {"path": "../../channels/master.json"}}}}},
]


@pytest.mark.parametrize("info", SHAPES)
async def test_information_of_any_shape_is_no_fault_of_the_caller(world: World, info: Any) -> None:
    world.stored.put_json(artifacts.keyboard_info(COMMIT, KEYBOARD), info)
    world.publish_site(files={})
    for path in ("keymaps/default", "keymaps/default/readme"):
        assert (await get(world, f"/v1/keyboards/{KEYBOARD}/{path}")).status_code in (404, 503)
    several = await get(world, f"/v1/keyboards/{KEYBOARD},{KEYBOARD}")
    assert several.status_code in (200, 503)


UNREADABLE = [b"", b"no", b"\xff", b"[" * 100_000, b'{"keyboards": ' * 100_000]


@pytest.mark.parametrize("content", UNREADABLE, ids=range(len(UNREADABLE)))
async def test_information_that_cannot_be_read_is_the_services_fault(
    world: World, content: bytes
) -> None:
    world.stored.objects[artifacts.keyboard_info(COMMIT, KEYBOARD)] = content
    world.publish_site(files={})
    async with world.client() as client:
        replies = [
            await client.get(f"/v1/keyboards/{KEYBOARD},clueboard/66"),
            await client.get(f"/v1/keyboards/{KEYBOARD}/keymaps/default"),
            await client.get(f"/v1/keyboards/{KEYBOARD}/keymaps/default/readme"),
            await client.get("/v1/keyboards/clueboard/66/info.json"),
            await client.post("/v1/compile", json=keymap_body()),
        ]
        exact = await client.get(f"/v1/keyboards/{KEYBOARD}/info.json")
    assert [reply.status_code for reply in replies] == [503] * len(replies)
    message = "the published firmware's metadata cannot be read"
    assert [reply.json() for reply in replies] == [{"code": 503, "message": message}] * len(replies)
    assert exact.content == content


async def test_several_keyboards_are_read_once_by_whatever_names(world: World) -> None:
    path = f"/v1/keyboards/{KEYBOARD},clueboard/66,{KEYBOARD},{KEYBOARD}"
    async with world.client() as client:
        for _ in range(2):
            assert list((await client.get(path)).json()["keyboards"]) == [KEYBOARD, "clueboard/66"]
    assert world.stored.reads.count(artifacts.keyboard_info(COMMIT, KEYBOARD)) == 1


async def test_alias_of_what_can_be_no_keyboard_is_unknown(world: World) -> None:
    aliases = {"old": {"target": "../../channels/master"}, "older": {"target": "x" * 2000}}
    world.stored.put_json(artifacts.keyboard_aliases(COMMIT), {"keyboard_aliases": aliases})
    async with world.client() as client:
        for name in aliases:
            reply = await client.post("/v1/compile", json=keymap_body(keyboard=name))
            assert (reply.status_code, reply.json()["reason"]) == (422, "UnknownKeyboard")
            for path in (name, f"{name}/info.json", f"{name},{KEYBOARD}", f"{name}/readme"):
                assert (await client.get(f"/v1/keyboards/{path}")).status_code == 404


async def test_tree_without_lists_has_no_addresses_of_them(world: World) -> None:
    for name in ("keyboard_list", "keyboards", "usb"):
        del world.stored.objects[artifacts.metadata(COMMIT, f"{name}.json")]
    world.publish_site(files={})
    for path in ("keyboards", "keyboards/all", "usb"):
        reply = await get(world, f"/v1/{path}")
        assert (reply.status_code, reply.json()["code"]) == (404, 404)
