"""The converter's address: what it takes, and what it answers where that is unfit."""

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from qmk_api.converting.gist_document import gist_id, raw_data
from qmk_api.converting.kle import KEYS_MAX
from qmk_api.converting.kle_raw import TEXT_BYTES_MAX
from qmk_api.openapi import schemas
from qmk_api.ports import UnfitGist
from qmk_api.settings import LimitSettings
from tests.unit.api_fakes import SETTINGS, World

GIST = "0123456789abcdef0123456789abcdef"
COMMIT = "c" * 40
ROWS: list[Any] = [{"name": "My KB"}, ["A", {"d": True}, "decal"], [{"w": 2}, "C"]]
RAW = '{name:"My KB"},\n["A",{d:true},"decal"],\n[{w:2},"C"]'


@pytest.fixture
def world() -> World:
    return World()


async def convert(world: World, body: Any, path: str = "/v1/converters/kle") -> httpx.Response:
    """Post a body; what is no text is sent as JSON."""
    content = body if isinstance(body, str | bytes) else json.dumps(body)
    async with world.client() as client:
        return await client.post(path, content=content)


def check_error(reply: httpx.Response, code: int, said: str) -> None:
    assert reply.status_code == code, reply.text
    error = schemas.Error.model_validate(reply.json())
    assert error.code == code
    assert said in error.message


@pytest.mark.parametrize("path", ["/v1/converters/kle", "/v1/converters/kle2qmk"])
@pytest.mark.parametrize("raw", [RAW, ROWS, json.dumps(ROWS)])
async def test_text_and_list_give_the_same_reply(world: World, path: str, raw: object) -> None:
    reply = await convert(world, {"raw": raw}, path)
    assert reply.status_code == 200
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.text.startswith('{\n    "keyboard_name": "My KB", \n    "url": "", \n')
    assert reply.json() == {
        "keyboard_name": "My KB",
        "url": "",
        "maintainer": "qmk",
        "layouts": {
            "LAYOUT": {
                "layout": [
                    {"label": "A", "x": 0, "y": 0},
                    {"label": "C", "x": 0, "y": 1, "w": 2},
                ]
            }
        },
    }


async def test_names_may_have_any_characters(world: World) -> None:
    name = 'Tästatür "8" \\ </script> ⌨'
    reply = await convert(world, {"raw": [{"name": name}, [name]]})
    assert "Tästatür" in reply.text
    assert reply.json()["keyboard_name"] == name
    assert reply.json()["layouts"]["LAYOUT"]["layout"][0]["label"] == name


@pytest.mark.parametrize(
    ("body", "code", "said"),
    [
        ({}, 400, "the body must have raw"),
        ([], 400, "the body must have raw"),
        ("5", 400, "the body must have raw"),
        ("{", 400, "Invalid JSON data"),
        (b"\xff", 400, "UTF-8"),
        ({"raw": None}, 400, "the body must have raw"),
        ({"raw": {"rows": []}}, 400, "the body must have raw"),
        ({"raw": '["A"'}, 422, "the raw data cannot be read"),
        ({"raw": "[" * 50_000}, 422, "nested too deeply"),
        ({"raw": ""}, 422, "there are no keys"),
        ({"raw": []}, 422, "there are no keys"),
        ({"raw": [["A"], [{"w": "wide"}, "B"]]}, 422, "row 2, item 1: w must be a number"),
        ({"raw": [["A"] * (KEYS_MAX + 1)]}, 422, f"more than {KEYS_MAX} keys"),
        ({"raw": " " * (TEXT_BYTES_MAX + 1)}, 413, f"larger than {TEXT_BYTES_MAX} bytes"),
        ({"raw": "ä" * (TEXT_BYTES_MAX // 2 + 1)}, 413, f"larger than {TEXT_BYTES_MAX} bytes"),
        (b" " * (SETTINGS.body_bytes_max + 1), 413, "larger than"),
        ({"id": 5}, 400, "id must be"),
        ({"id": []}, 400, "id must be"),
        ({"id": False, "raw": "[]"}, 400, "id must be"),
        ({"id": None}, 400, "the body must have raw"),
        ({"id": ""}, 400, "the body must have raw"),
        ({"id": "../../user"}, 400, "id must be"),
        ({"id": GIST}, 404, f"No such gist: {GIST}"),
    ],
)
async def test_unfit_requests_are_told_what_is_wrong(
    world: World, body: Any, code: int, said: str
) -> None:
    check_error(await convert(world, body), code, said)


@pytest.mark.parametrize("absent", [None, ""])
async def test_id_that_is_empty_is_none(world: World, absent: object) -> None:
    reply = await convert(world, {"id": absent, "raw": ROWS})
    assert reply.json() == (await convert(world, {"raw": ROWS})).json()


async def test_gist_is_converted(world: World) -> None:
    world.gists.gists[GIST] = json.dumps(ROWS)
    reply = await convert(world, {"id": f"http://www.keyboard-layout-editor.com/#/gists/{GIST}"})
    assert reply.json() == (await convert(world, {"raw": ROWS})).json()


async def test_gist_that_is_no_layout_is_refused(world: World) -> None:
    world.gists.gists[GIST] = "# Notes"
    check_error(await convert(world, {"id": GIST}), 422, "the raw data cannot be read")
    world.gists.unfit = "the gist must have one file"
    check_error(await convert(world, {"id": GIST}), 422, "the gist must have one file")


async def test_absent_github_is_told_with_the_time_to_wait(world: World) -> None:
    world.gists.away_seconds = 99.5
    reply = await convert(world, {"id": GIST})
    check_error(reply, 503, "GitHub is unavailable")
    assert reply.headers["retry-after"] == "100"


async def test_rate_of_a_client_is_bounded() -> None:
    world = World(replace(SETTINGS, limits=LimitSettings(converter_rate="1/hour")))
    async with world.client() as client:
        replies = [await client.post("/v1/converters/kle", json={"raw": ROWS}) for _ in range(2)]
    assert replies[0].status_code == 200
    check_error(replies[1], 429, "converter")
    assert int(replies[1].headers["retry-after"]) >= 1


async def test_converters_are_listed(world: World) -> None:
    async with world.client() as client:
        reply = await client.get("/v1/converters")
        assert reply.json() == {"children": ["kle"]}
        assert (await client.head("/v1/converters")).status_code == 200
        check_error(await client.get("/v1/converters/kle"), 405, "Method Not Allowed")


@pytest.mark.parametrize(
    "reference",
    [
        GIST,
        f" {GIST}\n",
        f"https://gist.github.com/{GIST}",
        f"https://gist.github.com/some-one/{GIST}/",
        f"https://gist.github.com/some-one/{GIST}#file-layout-kbd-json",
        f"https://gist.github.com/{GIST}/raw",
        f"https://gist.github.com/{GIST}.git",
        f"https://gist.github.com/some-one/{GIST}?permalink_comment_id=1#gistcomment-1",
        f"https://gist.github.com/some-one/{GIST}/{COMMIT}",
        f"https://gist.github.com/{GIST}/{COMMIT}",
        f"https://gist.github.com/{GIST}/{COMMIT}#file-x",
        f"https://gist.github.com/deadbeef/{GIST}",
        f"https://gist.github.com/deadbeef/{GIST}/raw/{COMMIT}/layout.kbd.json",
        f"https://gist.githubusercontent.com/some-one/{GIST}/raw/{COMMIT}/layout.kbd.json",
        f"http://www.keyboard-layout-editor.com/#/gists/{GIST}",
        f"https://keyboard-layout-editor.com/#/gists/{GIST}",
    ],
)
def test_gists_are_known_by_id_and_address(reference: str) -> None:
    assert gist_id(reference) == GIST


@pytest.mark.parametrize(
    "reference",
    [
        "",
        "G" * 32,
        "a" * 65,
        f"{GIST}?x",
        f"{GIST}/../..",
        f"{GIST}%2f",
        f"https://gist.github.com.example.org/{GIST}",
        f"https://example.org/{GIST}",
        f"https://gist.github.com/some-one/files/{GIST}",
        f"https://gist.github.com/../{GIST}",
        f"https://gist.github.com/{GIST}x",
        f"https://gist.github.com/{GIST}/raw x",
        f"https://gist.github.com/#/{GIST}",
        f"https://gist.github.com:8080/{GIST}",
        f"https://gist.github.com\\@example.org/{GIST}",
        f"ftp://gist.github.com/{GIST}",
        f"https://user@gist.github.com/{GIST}",
        f"http://www.keyboard-layout-editor.com/#/layouts/{GIST}",
    ],
)
def test_other_references_are_refused(reference: str) -> None:
    assert gist_id(reference) is None


def gist(**files: Any) -> bytes:
    """What GitHub tells of a gist; "_" in a name stands for a dot."""
    told = {
        name.replace("_", "."): {"truncated": False, "content": content}
        if isinstance(content, str)
        else content
        for name, content in files.items()
    }
    return json.dumps({"files": told}).encode()


def test_file_of_the_editor_is_taken_of_several() -> None:
    assert raw_data(gist(notes_md="# Notes", my_kbd_json="[]", a_json="{}")) == "[]"
    assert raw_data(gist(anything="[]")) == "[]"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (gist(), "one file"),
        (gist(a_json="[]", b_json="[]"), "one file"),
        (gist(a_kbd_json="[]", b_kbd_json="[]"), "one file"),
        (gist(a={"truncated": True, "content": "["}), "larger"),
        (gist(a=" " * (TEXT_BYTES_MAX + 1)), "larger"),
    ],
)
def test_unfit_gists_are_refused(content: bytes, said: str) -> None:
    with pytest.raises(UnfitGist, match=said):
        raw_data(content)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\xff", b"[]", b"null", b"{}", b'{"files": 5}', b'{"files": {"a": null}}',
        b'{"files": {"a": {"truncated": false, "content": null}}}', gist(a={"content": "[]"}),
        b'{"files": {"a": {"truncated": false, "content": "\\ud800"}}}', b"[" * 100_000,
    ],
)  # fmt: skip
def test_other_documents_are_no_gists(content: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        raw_data(content)
