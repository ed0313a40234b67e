"""The keyboard site's pages: exact files, in the coding that was asked for, sent once."""

import gzip
import hashlib
import json

import httpx
import pytest
import zstandard

from qmk_api.openapi import schemas
from qmk_contract import artifacts
from tests.unit.api_fakes import COMMIT, KEYBOARD, World, site_files

LIST = "/v1/keyboard_list.json"
INFO = f"/v1/keyboards/{KEYBOARD}/info.json"
ALL = "/v1/keyboards.json"
PLAIN = {"Accept-Encoding": "identity"}


async def fetch(world: World, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    """One request; the body as it came over the wire is in ``extensions``."""
    async with world.client() as client:
        fields = {name.replace("_", "-"): value for name, value in (PLAIN | headers).items()}
        async with client.stream(method, path, headers=fields) as reply:
            raw = b"".join([chunk async for chunk in reply.aiter_raw()])
    return httpx.Response(reply.status_code, headers=reply.headers, extensions={"raw": raw})


def raw(reply: httpx.Response) -> bytes:
    body = reply.extensions["raw"]
    assert isinstance(body, bytes)
    return body


@pytest.mark.parametrize("path", [*site_files(), f"v1/keyboards/{KEYBOARD}/info.json"])
async def test_every_file_is_served_under_its_own_path(world: World, path: str) -> None:
    reply = await fetch(world, f"/{path}")
    content = world.stored.objects[artifacts.site_file(COMMIT, path)]
    assert (reply.status_code, raw(reply)) == (200, content)
    assert reply.headers["Content-Length"] == str(len(content))
    assert reply.headers["ETag"] == f'"{hashlib.sha256(content).hexdigest()}"'
    assert reply.headers["Vary"] == "Accept-Encoding"
    assert reply.headers["X-Content-Type-Options"] == "nosniff"
    assert reply.headers["Cache-Control"].startswith("public, max-age=60")
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert "Content-Encoding" not in reply.headers


@pytest.mark.parametrize(
    ("path", "media_type"),
    [
        (LIST, "application/json"),
        ("/v1/schemas/keymap.jsonschema", "application/json"),
        ("/readme.md", "text/markdown; charset=utf-8"),
        ("/v1/templates/avr/keymap.c", "text/plain; charset=utf-8"),
    ],
)
async def test_files_have_their_types(world: World, path: str, media_type: str) -> None:
    assert (await fetch(world, path)).headers["Content-Type"] == media_type


@pytest.mark.parametrize("path", [LIST, INFO, ALL, "/readme.md"])
async def test_codings_carry_the_same_content_under_tags_of_their_own(
    world: World, path: str
) -> None:
    plain = await fetch(world, path)
    packed = await fetch(world, path, Accept_Encoding="gzip")
    dense = await fetch(world, path, Accept_Encoding="gzip, deflate, br, zstd")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert dense.headers["Content-Encoding"] == "zstd"
    assert gzip.decompress(raw(packed)) == raw(plain)
    assert zstandard.decompress(raw(dense)) == raw(plain)
    for reply in (plain, packed, dense):
        assert reply.headers["Content-Length"] == str(len(raw(reply)))
    assert len({reply.headers["ETag"] for reply in (plain, packed, dense)}) == 3


async def test_large_file_is_read_compressed_and_unpacked_on_the_way(world: World) -> None:
    async with world.client() as client:
        for coding in ("identity", "gzip", "identity"):
            reply = await client.get(ALL, headers={"Accept-Encoding": coding})
            assert reply.content == site_files()["v1/keyboards.json"]
    stored = artifacts.site_file(COMMIT, "v1/keyboards.json", "gzip")
    assert [key for key in world.stored.reads if "keyboards.json" in key] == [stored]


async def test_whoever_refuses_every_coding_is_told_what_there_is(world: World) -> None:
    reply = await fetch(world, LIST, Accept_Encoding="br, identity;q=0")
    error = schemas.Error.model_validate(json.loads(raw(reply)))
    assert (reply.status_code, error.code) == (406, 406)
    assert "gzip" in error.message
    told = (reply.headers["Cache-Control"], reply.headers["Vary"])
    assert told == ("no-store", "Accept-Encoding")


@pytest.mark.parametrize("path", [LIST, ALL, INFO])
@pytest.mark.parametrize("coding", ["identity", "gzip", "zstd"])
async def test_any_tag_of_the_file_gives_304(world: World, path: str, coding: str) -> None:
    tag = (await fetch(world, path, Accept_Encoding=coding)).headers["ETag"]
    world.stored.reads.clear()
    for header in (tag, f"W/{tag}", f'"other", {tag}'):
        reply = await fetch(world, path, If_None_Match=header, Accept_Encoding="gzip")
        assert (reply.status_code, raw(reply)) == (304, b"")
        assert reply.headers["ETag"] == tag, "whoever has it knows it by this tag"
        assert reply.headers["Vary"] == "Accept-Encoding"
        assert reply.headers["Cache-Control"]
        assert reply.headers["Access-Control-Allow-Origin"] == "*"
        assert "Content-Type" not in reply.headers
    assert (await fetch(world, path, If_None_Match="*")).status_code == 304
    assert (await fetch(world, path, If_None_Match='"other"')).status_code == 200


@pytest.mark.parametrize("path", [LIST, INFO, ALL])
@pytest.mark.parametrize("coding", ["identity", "gzip"])
async def test_head_is_get_without_the_body(world: World, path: str, coding: str) -> None:
    head = await fetch(world, path, "HEAD", Accept_Encoding=coding)
    get = await fetch(world, path, Accept_Encoding=coding)
    assert (head.status_code, raw(head)) == (200, b"")
    assert head.headers == get.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_other_methods_are_told_which_there_are(world: World, method: str) -> None:
    reply = await fetch(world, LIST, method)
    assert reply.status_code == 405
    assert reply.headers["Allow"] == "GET, HEAD"
    assert json.loads(raw(reply))["code"] == 405


async def test_a_file_is_read_once_whatever_is_asked_of_it(world: World) -> None:
    async with world.client() as client:
        for coding in ("gzip", "identity", "zstd", "gzip"):
            for method in ("GET", "HEAD"):
                await client.request(method, INFO, headers={"Accept-Encoding": coding})
    assert world.stored.reads.count(artifacts.keyboard_info(COMMIT, KEYBOARD)) == 1


@pytest.mark.parametrize(
    "path",
    [
        "/v1/keyboards/no/board/info.json",
        "/v1/keyboards/no/board/readme.md",
        "/v1/no.json",
        "/v1/constants/",
        f"/v1/keyboards/{'x' * 1500}/info.json",
        f"/v1/keyboards/{'x/' * 500}info.json",
        "/v1/keyboards/UPPER/info.json",
        "/v1/keyboards//info.json",
        "/index.json",
    ],
)
async def test_what_is_no_page_is_a_404_without_a_call_to_storage(world: World, path: str) -> None:
    async with world.client() as client:
        await client.get(LIST)
        world.stored.reads.clear()
        reply = await client.get(path)
    assert (reply.status_code, reply.json()["code"]) == (404, 404)
    assert all(key.startswith("channels/") for key in world.stored.reads)


async def test_first_slash_may_be_doubled(world: World) -> None:
    assert (await fetch(world, f"http://api/{LIST}")).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/v1/keyboards/%2e%2e/keyboard_list.json",
        "/v1/keyboard_list.json%00",
        "/v1%2f..%2fv1%2fkeyboard_list.json",
        "/v1/keyboards/%ff%fe/info.json",
    ],
)
async def test_path_of_many_meanings_is_refused(world: World, path: str) -> None:
    reply = await fetch(world, path)
    assert (reply.status_code, json.loads(raw(reply))["code"]) == (400, 400)


async def test_old_name_has_the_information_under_the_name_that_was_asked_for(
    world: World,
) -> None:
    old = await fetch(world, "/v1/keyboards/clueboard/66/info.json")
    new = await fetch(world, INFO)
    assert old.status_code == 200
    assert old.headers["Content-Type"] == "application/json"
    assert list(json.loads(raw(old))["keyboards"]) == ["clueboard/66"]
    expected = json.loads(raw(new))
    expected["keyboards"] = {"clueboard/66": expected["keyboards"][KEYBOARD]}
    assert json.loads(raw(old)) == expected
    assert old.headers["ETag"] != new.headers["ETag"]
    packed = await fetch(world, "/v1/keyboards/clueboard/66/info.json", Accept_Encoding="gzip")
    assert gzip.decompress(raw(packed)) == raw(old)
    known = {"If_None_Match": old.headers["ETag"]}
    again = await fetch(world, "/v1/keyboards/clueboard/66/info.json", **known)
    assert again.status_code == 304


async def test_old_names_are_followed_through_several_renames(world: World) -> None:
    aliases = {"a": {"target": "b"}, "b": {"target": "clueboard/66"}, "loop": {"target": "loop"},
               "gone": {"target": "no/board"}, "clueboard/66": {"target": KEYBOARD}}  # fmt: skip
    world.stored.put_json(artifacts.keyboard_aliases(COMMIT), {"keyboard_aliases": aliases})
    info = json.loads(raw(await fetch(world, "/v1/keyboards/a/info.json")))
    assert list(info["keyboards"]) == ["a"]
    readme = await fetch(world, "/v1/keyboards/a/readme.md")
    assert raw(readme).startswith("# Clueboard 66 %, für alle".encode())
    for name in ("loop", "gone"):
        for file in ("info.json", "readme.md"):
            assert (await fetch(world, f"/v1/keyboards/{name}/{file}")).status_code == 404


async def test_keyboard_without_a_readme_is_a_json_404(world: World) -> None:
    del world.stored.objects[artifacts.metadata(COMMIT, f"keyboards/{KEYBOARD}/readme.md")]
    world.publish_site(files={})
    for name in (KEYBOARD, "clueboard/66"):
        reply = await fetch(world, f"/v1/keyboards/{name}/readme.md")
        assert (reply.status_code, json.loads(raw(reply))["code"]) == (404, 404)


async def test_file_wins_where_a_route_takes_any_path(world: World) -> None:
    path = f"v1/keyboards/{KEYBOARD}/keymaps/readme.md"
    world.publish_site(files={path: b"# Keymaps"})
    assert raw(await fetch(world, f"/{path}")) == b"# Keymaps"
