"""Firmware, keymap and source, under the user's own file names."""

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.types import Message

from qmk_api.downloading.downloads import ObjectResponse
from qmk_api.openapi import schemas
from qmk_contract import artifacts
from qmk_contract.phases import Phase, Reason
from tests.unit.api_fakes import (
    COMMIT,
    FAILURE,
    HEX,
    KEYMAP_C,
    RUNNING,
    FakeObject,
    World,
    key_of,
    keymap_body,
    source_zip,
    success,
)

KEY = key_of(keymap_body())
JOB = f"{KEY}.my_keymap"
ENTRY = "qmk_firmware/clueboard-66-rev3-my_keymap.json"
FILES = ["download", "hex", "keymap", "keymap.c", "source"]
RESUMABLE = ["download", "hex", "keymap.c", "source"]
SOURCE = artifacts.source(COMMIT)


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


@pytest.mark.parametrize("name", FILES)
async def test_head_tells_the_same_headers_without_the_content(world: World, name: str) -> None:
    world.store_build(KEY)
    whole = await get(world, f"{JOB}/{name}")
    async with world.client() as client:
        await client.head(f"/v1/compile/{JOB}/{name}")
        world.stored.opened.clear()
        head = await client.head(f"/v1/compile/{JOB}/{name}")
    assert head.status_code == whole.status_code == 200
    assert head.headers == whole.headers
    assert world.stored.opened == []


@pytest.mark.parametrize("name", FILES)
async def test_file_that_the_caller_has_is_not_sent_again(world: World, name: str) -> None:
    world.store_build(KEY)
    etag = (await get(world, f"{JOB}/{name}")).headers["ETag"]
    reply = await get(world, f"{JOB}/{name}", headers={"If-None-Match": f'"x", W/{etag}'})
    assert (reply.status_code, reply.content) == (304, b"")
    assert reply.headers["ETag"] == etag
    assert reply.headers["Cache-Control"] == "private, max-age=3600"


@pytest.mark.parametrize("name", RESUMABLE)
async def test_interrupted_download_goes_on_where_it_was(world: World, name: str) -> None:
    world.store_build(KEY)
    whole = await get(world, f"{JOB}/{name}")
    assert whole.headers["Accept-Ranges"] == "bytes"
    size, etag = len(whole.content), whole.headers["ETag"]
    for first in {0, 1, size // 2, size - 1}:
        headers = {"Range": f"bytes={first}-", "If-Range": etag}
        rest = await get(world, f"{JOB}/{name}", headers=headers)
        assert rest.status_code == 206
        assert rest.content == whole.content[first:]
        assert rest.headers["Content-Range"] == f"bytes {first}-{size - 1}/{size}"
        assert rest.headers["Content-Length"] == str(size - first)
        assert rest.headers["ETag"] == etag
    assert all(stored.closed for stored in world.stored.opened)


async def test_every_part_of_a_source_is_what_the_whole_has_there(world: World) -> None:
    world.store_build(KEY)
    whole = (await get(world, f"{JOB}/source")).content
    async with world.client() as client:
        for first in range(0, len(whole), 7):
            for last in {first, first + 6, first + 300}:
                headers = {"Range": f"bytes={first}-{last}"}
                part = await client.get(f"/v1/compile/{JOB}/source", headers=headers)
                assert part.content == whole[first : last + 1]


@pytest.mark.parametrize("name", RESUMABLE)
async def test_range_behind_the_end_is_416_in_json(world: World, name: str) -> None:
    world.store_build(KEY)
    size = len((await get(world, f"{JOB}/{name}")).content)
    reply = await get(world, f"{JOB}/{name}", headers={"Range": f"bytes={size}-"})
    assert reply.status_code == 416
    assert reply.headers["Content-Range"] == f"bytes */{size}"
    schemas.Error.model_validate(reply.json())


@pytest.mark.parametrize(
    "headers",
    [
        {"Range": "bytes=0-1,3-4"},
        {"Range": "lines=0-1"},
        {"Range": "bytes=2-3", "If-Range": '"another"'},
        {"Range": "bytes=2-3", "If-Range": "Tue, 24 Nov 2026 08:00:00 GMT"},
    ],
)
async def test_other_ranges_get_the_whole(world: World, headers: dict[str, str]) -> None:
    world.store_build(KEY)
    reply = await get(world, f"{JOB}/download", headers=headers)
    assert (reply.status_code, reply.content) == (200, HEX)


@pytest.mark.parametrize(
    ("if_match", "code"),
    [
        ("{etag}", 206),
        ('"another", {etag}', 206),
        ("*", 206),
        ('"another"', 412),
        ("W/{etag}", 412),
    ],
)
async def test_what_goes_on_is_the_file_that_if_match_names(
    world: World, if_match: str, code: int
) -> None:
    world.store_build(KEY)
    etag = (await get(world, f"{JOB}/download")).headers["ETag"]
    headers = {"If-Match": if_match.format(etag=etag), "Range": "bytes=2-3"}
    reply = await get(world, f"{JOB}/download", headers=headers)
    assert reply.status_code == code
    if code == 412:
        schemas.Error.model_validate(reply.json())


async def test_head_and_known_files_heed_no_range(world: World) -> None:
    world.store_build(KEY)
    part = {"Range": "bytes=2-3"}
    head = await get(world, f"{JOB}/download", "HEAD", headers=part)
    assert (head.status_code, head.headers["Content-Length"]) == (200, str(len(HEX)))
    known = {**part, "If-None-Match": head.headers["ETag"]}
    assert (await get(world, f"{JOB}/download", headers=known)).status_code == 304


async def test_firmware_that_is_not_what_the_result_says_is_503(world: World) -> None:
    world.store_build(KEY)
    world.stored.objects[artifacts.build(KEY, artifacts.FIRMWARE)] = HEX + b"more"
    assert (await get(world, f"{JOB}/download")).status_code == 503
    assert world.stored.opened[0].closed


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


async def test_keymap_c_is_what_the_build_made(world: World) -> None:
    result = world.store_build(KEY)
    reply = await get(world, f"{JOB}/keymap.c")
    assert reply.content == KEYMAP_C
    assert reply.headers["Content-Type"] == "text/x-c; charset=utf-8"
    assert 'filename="clueboard-66-rev3-my_keymap.c"' in reply.headers["Content-Disposition"]
    assert result.keymap_c is not None
    assert reply.headers["ETag"] == f'"{result.keymap_c.sha256}"'
    async with world.client() as client:
        job = (await client.get(f"/v1/compile/{JOB}")).json()
    assert job["result"]["keymap_c_url"] == [f"https://api.example.org/v1/compile/{JOB}/keymap.c"]


async def test_build_that_made_no_keymap_c_says_why(world: World) -> None:
    world.store_build(KEY, **FAILURE, keymap_c=None)
    reply = await get(world, f"{JOB}/keymap.c")
    assert (reply.status_code, reply.json()["reason"]) == (404, "CompileError")
    assert "KC_BOGUS" in reply.json()["message"]
    async with world.client() as client:
        assert "keymap_c_url" not in (await client.get(f"/v1/compile/{JOB}")).json()["result"]


async def test_source_is_the_commits_tree_and_the_keymap_as_its_users_own(world: World) -> None:
    world.store_build(KEY)
    reply = await get(world, f"{JOB}/source")
    with (
        zipfile.ZipFile(io.BytesIO(reply.content)) as archive,
        zipfile.ZipFile(io.BytesIO(source_zip())) as tree,
    ):
        assert archive.testzip() is None
        assert archive.namelist() == [*tree.namelist(), ENTRY]
        assert all(archive.read(name) == tree.read(name) for name in tree.namelist())
        assert json.loads(archive.read(ENTRY)) == {"version": 1, **keymap_body()}
    assert reply.headers["Content-Length"] == str(len(reply.content))
    assert all(stored.closed for stored in world.stored.opened)
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


async def test_source_has_another_tag_for_another_keymap_or_tree(world: World) -> None:
    world.store_build(KEY)
    tags = [(await get(world, f"{job}/source")).headers["ETag"] for job in (JOB, JOB, KEY)]
    world.stored.objects[SOURCE] = world.stored.objects[SOURCE].replace(b"Makefile", b"makefile")
    tags.append((await get(world, f"{JOB}/source")).headers["ETag"])
    assert len(set(tags)) == 3
    assert tags[0] == tags[1]


async def test_tree_is_measured_once_for_many_downloads(world: World) -> None:
    world.store_build(KEY)
    async with world.client() as client:
        first = await client.get(f"/v1/compile/{JOB}/source")
        world.stored.reads.clear()
        again = await client.get(f"/v1/compile/{KEY}.other/source")
        head = await client.get(
            f"/v1/compile/{JOB}/source", headers={"If-None-Match": first.headers["ETag"]}
        )
    assert (again.status_code, head.status_code) == (200, 304)
    assert world.stored.reads.count(SOURCE) == 2  # the tree's files, and its directory


async def test_tree_that_was_replaced_is_503_and_then_measured_again(world: World) -> None:
    world.store_build(KEY)
    async with world.client() as client:
        await client.get(f"/v1/compile/{JOB}/source")
        world.stored.objects[SOURCE] = b"another"
        reply = await client.get(f"/v1/compile/{JOB}/source")
        assert (reply.status_code, reply.json()["code"]) == (503, 503)
        world.stored.objects[SOURCE] = source_zip().replace(b"Makefile", b"makefile")
        assert (await client.get(f"/v1/compile/{JOB}/source")).status_code == 200
    assert all(stored.closed for stored in world.stored.opened)


class Replaced(FakeObject):
    """The first part of a tree, whose tree is replaced while it is read."""

    world: World

    async def chunks(self) -> AsyncIterator[bytes]:
        async for chunk in super().chunks():
            yield chunk
        self.world.stored.objects[SOURCE] += b"changed"


async def test_tree_that_is_replaced_under_way_is_cut_not_mixed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.store_build(KEY)
    async with world.client() as client:
        whole = await client.get(f"/v1/compile/{JOB}/source")
        monkeypatch.setattr("tests.unit.api_fakes.FakeObject", Replaced)
        monkeypatch.setattr(Replaced, "world", world, raising=False)
        cut = await client.get(f"/v1/compile/{JOB}/source")
    assert cut.headers["Content-Length"] == str(len(whole.content))
    assert len(cut.content) < len(whole.content)
    assert whole.content.startswith(cut.content)
    assert all(stored.closed for stored in world.stored.opened)


@pytest.mark.parametrize(
    "content", [b"", b"PK no archive", source_zip()[:-1], source_zip()[10:], bytes(100_000)]
)
async def test_damaged_tree_is_503_in_json(
    world: World, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    world.store_build(KEY)
    world.stored.objects[SOURCE] = content
    reply = await get(world, f"{JOB}/source")
    assert reply.status_code == 503
    assert reply.json()["message"] == "the stored source cannot be read"
    assert reply.headers["Retry-After"]
    assert SOURCE in caplog.text
    assert all(stored.closed for stored in world.stored.opened)


HOSTILE = [
    "a" * 26, "nonsense", "%2e%2e", "%2e%2e%2fx", f"{KEY}.a/b", "..%2f..%2fetc", "%2fetc%2fpasswd",
    f"{KEY}.%2e%2e%2fx", f"{KEY}.a%22b", f"{KEY}.a%0d%0aSet-Cookie:x", f"{KEY}.a;b", f"{KEY}.-a",
    f"{KEY}.{'a' * 65}", f"{KEY}.%C3%A4", f"{KEY}.a.b", f"{KEY}.", f"{KEY}%00", f"{KEY.upper()}",
    f"{KEY}..%5cx", "%252e%252e%252f", f"{KEY}.a%20b", "%ff%fe", "~root", f"builds%2f{KEY}",
]  # fmt: skip


@pytest.mark.parametrize("name", ["", *(f"/{name}" for name in FILES)])
@pytest.mark.parametrize("job_id", HOSTILE)
async def test_what_is_no_job_touches_nothing_and_is_a_clear_error(
    world: World, job_id: str, name: str
) -> None:
    world.store_build(KEY)
    before = set(world.stored.reads)
    reply = await get(world, f"{job_id}{name}")
    assert reply.status_code in (400, 404)
    assert reply.json()["code"] == reply.status_code
    assert "Content-Disposition" not in reply.headers
    touched = set(world.stored.reads) - before
    assert all(
        key.startswith(("builds/aaaa", "channels/", "firmware/", "status/")) for key in touched
    )


@pytest.mark.parametrize("name", FILES)
async def test_files_of_a_job_that_nobody_knows_say_so(world: World, name: str) -> None:
    reply = await get(world, f"{JOB}/{name}")
    error = schemas.Error.model_validate(reply.json())
    assert (reply.status_code, error.message) == (404, "Compile job not found")


class Leaving:
    """A client that takes the headers, then nothing, and then is gone."""

    def __init__(self) -> None:
        self.stalled = asyncio.Event()

    async def receive(self) -> Message:
        await self.stalled.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.body":
            self.stalled.set()
            await asyncio.Event().wait()


async def test_client_that_is_gone_holds_no_connection_to_storage() -> None:
    content, client = FakeObject(HEX), Leaving()
    response = ObjectResponse(content, artifacts.BINARY, {})
    scope = {"type": "http", "method": "GET", "path": "/", "asgi": {"spec_version": "2.3"}}
    async with asyncio.timeout(5):
        await response(scope, client.receive, client.send)
    assert content.closed


@pytest.mark.parametrize("name", ["download", "keymap", "keymap.c", "source"])
async def test_storage_outage_is_503(world: World, name: str) -> None:
    async with world.client() as client:
        world.stored.away = True
        reply = await client.get(f"/v1/compile/{JOB}/{name}")
    assert reply.status_code == 503
    assert json.loads(reply.content)["code"] == 503
    assert reply.headers["Retry-After"]
