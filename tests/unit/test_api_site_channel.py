"""Which site is served: through publications, outages of storage, and damage in it."""

import asyncio
import json
import logging

import httpx
import pytest

from qmk_api.keyboards.catalog import Catalog
from qmk_api.keyboards.current_site import CurrentSite
from qmk_api.keyboards.site_bodies import HELD_BYTES_MAX, Bodies
from qmk_api.openapi import schemas
from qmk_api.ports import StorageUnavailable
from qmk_contract import artifacts
from qmk_contract.codec import to_body
from qmk_contract.documents import DOCUMENT_BYTES_MAX
from qmk_contract.site import FILE_BYTES_MAX, INDEX_BYTES_MAX, SiteFile, SiteIndex
from tests.unit.api_fakes import COMMIT, KEYBOARD, FakeArtifacts, World

NEXT = "d00d" * 10
LIST = "/v1/keyboard_list.json"
INFO = f"/v1/keyboards/{KEYBOARD}/info.json"


def current(world: World) -> CurrentSite:
    return CurrentSite(Catalog(world.stored, world.cache, world.clock), world.stored, "master")


def check_unavailable(reply: httpx.Response) -> None:
    assert reply.status_code == 503
    assert schemas.Error.model_validate(reply.json()).code == 503
    assert reply.headers["Retry-After"]
    assert reply.headers["Access-Control-Allow-Origin"] == "*"


async def test_old_site_is_served_until_the_new_one_is_whole(world: World) -> None:
    followed = current(world)
    old = await followed.get()
    world.publish(commit=NEXT)
    index = world.stored.objects.pop(artifacts.site_index(NEXT))
    assert not await followed.refresh()
    assert followed.loaded is old
    world.stored.objects[artifacts.site_index(NEXT)] = index
    assert await followed.refresh()
    assert (await followed.get()).commit == NEXT


DAMAGES = [
    (artifacts.site_index(NEXT), b""),
    (artifacts.site_index(NEXT), b"[]"),
    (artifacts.site_index(NEXT), b"{}"),
    (artifacts.site_index(NEXT), b"\xff"),
    (artifacts.site_index(NEXT), b'{"commit": "x", "files": 5}'),
    (artifacts.site_index(NEXT), b'{"commit": "x", "files": {}}'),
    (artifacts.site_index(NEXT), b"[" * 100_000),
    (artifacts.site_index(NEXT), b"{}" + b" " * INDEX_BYTES_MAX),
    (artifacts.keyboard_aliases(NEXT), b"[]"),
    (artifacts.keyboard_aliases(NEXT), b"x"),
    (artifacts.keyboard_aliases(NEXT), b'{"keyboard_aliases": []}'),
    (artifacts.keyboard_aliases(NEXT), b"[" * 100_000),
    (artifacts.keyboard_aliases(NEXT), b"{}" + b" " * DOCUMENT_BYTES_MAX),
    (artifacts.channel("master"), b"[]"),
    (artifacts.channel("master"), b"[" * 100_000),
]
#: Named by number: some of them would make long names.
damaged = pytest.mark.parametrize(("key", "damage"), DAMAGES, ids=range(len(DAMAGES)))


@damaged
async def test_damage_keeps_the_old_site_and_is_told_once(
    world: World, key: str, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    followed = current(world)
    await followed.refresh()
    world.publish(commit=NEXT)
    whole = world.stored.objects[key]
    world.stored.objects[key] = damage
    for _ in range(3):
        assert not await followed.refresh()
        assert (await followed.get()).commit == COMMIT
    told = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(told) == 1
    assert len(told[0].getMessage()) < 500
    world.stored.objects[key] = whole
    assert await followed.refresh()
    assert (await followed.get()).commit == NEXT


@damaged
async def test_damage_is_not_told_as_an_outage_of_storage(
    world: World, key: str, damage: bytes
) -> None:
    world.publish(commit=NEXT)
    world.stored.objects[key] = damage
    async with world.client() as client:
        async with asyncio.timeout(5):
            while (await client.get("/v1")).json()["status"] == "starting":  # noqa: ASYNC110
                await asyncio.sleep(0)
        ready = await client.get("/readyz")
        assert ready.status_code == 200
        assert (ready.json()["checks"]["s3"], ready.json()["checks"]["firmware"]) == (True, False)
        assert (await client.get("/v1")).json()["status"] == "degraded"
        page = await client.get(LIST)
        check_unavailable(page)
        assert "cannot be read" in page.json()["message"]


async def test_storage_that_goes_away_while_a_channel_moves_keeps_the_old_site(
    world: World,
) -> None:
    followed = current(world)
    old = await followed.get()
    world.publish(commit=NEXT)
    world.stored.away = True
    with pytest.raises(StorageUnavailable):
        await followed.refresh()
    assert await followed.get() is old


async def test_channel_that_vanishes_keeps_the_old_site(world: World) -> None:
    followed = current(world)
    old = await followed.get()
    del world.stored.objects[artifacts.channel("master")]
    assert not await followed.refresh()
    assert await followed.get() is old


async def test_many_first_requests_load_one_site(world: World) -> None:
    followed = current(world)
    await asyncio.gather(*(followed.get() for _ in range(20)))
    assert world.stored.reads.count(artifacts.site_index(COMMIT)) == 1


@pytest.mark.parametrize("path", [LIST, INFO, "/readme.md", "/v1/keyboards", "/v1/usb"])
async def test_nothing_published_yet_is_503_json(world: World, path: str) -> None:
    world.stored.objects.clear()
    async with world.client() as client:
        check_unavailable(await client.get(path))
        assert (await client.get("/v1")).status_code == 200
        assert (await client.get(f"/v1/compile/{'a' * 26}.json")).status_code == 404
        assert (await client.get("/openapi.json")).status_code == 200
        assert (await client.get("/no/such/page.json")).status_code == 404


async def test_what_was_read_once_survives_any_outage_of_storage(world: World) -> None:
    async with world.client() as client:
        for path in (LIST, INFO, "/v1/keyboards.json", "/v1/keyboards/clueboard/66/info.json"):
            assert (await client.get(path)).status_code == 200
        world.stored.away = True
        world.cache.values.clear()
        world.clock.seconds += 10**7
        for path in (LIST, INFO, "/v1/keyboards.json", "/v1/keyboards/clueboard/66/info.json",
                     "/v1/keyboards", f"/v1/keyboards/{KEYBOARD},clueboard/66"):  # fmt: skip
            assert (await client.get(path)).status_code == 200, path
        assert (await client.get(f"/v1/keyboards/{KEYBOARD}/readme")).status_code == 302
        check_unavailable(await client.get("/v1/usb.json"))
        world.stored.away = False
        assert (await client.get("/v1/usb.json")).status_code == 200


async def test_small_files_come_from_the_shared_cache_through_an_outage(world: World) -> None:
    async with world.client() as client:
        await client.get(INFO)
    async with world.client() as second:
        assert (await second.get(LIST)).status_code == 200
        world.stored.away = True
        assert (await second.get(INFO)).status_code == 200


@pytest.mark.parametrize("damage", [b"", b"{}", b"\xff"])
async def test_damaged_cached_copy_is_read_anew(world: World, damage: bytes) -> None:
    key = artifacts.keyboard_info(COMMIT, KEYBOARD)
    world.cache.values[key] = damage
    async with world.client() as client:
        assert (await client.get(INFO)).content == world.stored.objects[key]
    assert world.cache.values[key] == world.stored.objects[key]


@pytest.mark.parametrize("damage", [None, b"", b"{}", b"\xff" * (1 << 20)])
@pytest.mark.parametrize(
    ("path", "key"),
    [
        (INFO, artifacts.keyboard_info(COMMIT, KEYBOARD)),
        ("/v1/keyboards/clueboard/66/info.json", artifacts.keyboard_info(COMMIT, KEYBOARD)),
        ("/v1/keyboards.json", artifacts.site_file(COMMIT, "v1/keyboards.json", "gzip")),
    ],
)
async def test_stored_file_that_is_not_what_the_index_says_is_503(
    world: World, path: str, key: str, damage: bytes | None
) -> None:
    if damage is None:
        del world.stored.objects[key]
    else:
        world.stored.objects[key] = damage
    async with world.client() as client:
        check_unavailable(await client.get(path, headers={"Accept-Encoding": "gzip"}))


async def test_information_of_another_shape_has_no_old_name(world: World) -> None:
    for number, content in enumerate((b"[]", b"{}", b'{"keyboards": {"a": 1, "b": 2}}', b"no")):
        world.stored.objects[artifacts.keyboard_info(COMMIT, KEYBOARD)] = content
        world.publish_site(files={})
        async with world.client() as client:
            reply = await client.get("/v1/keyboards/clueboard/66/info.json")
        assert reply.status_code == 503, number


async def test_memory_is_bounded_by_bytes() -> None:
    stored = FakeArtifacts()
    world = World(stored=stored)
    world.publish()
    size = 1 << 20
    contents = {f"v1/{number}.json": bytes([number]) * size for number in range(72)}
    world.publish_site(files=contents)
    bodies = Bodies(stored, world.cache, world.clock)
    site = await current(world).get()
    for path in contents:
        page = site.page(path)
        assert page is not None
        await bodies.get(page)
    stored.reads.clear()
    for path in [*contents][-(HELD_BYTES_MAX // size - 8) :]:
        page = site.page(path)
        assert page is not None
        await bodies.get(page)
    assert stored.reads == []
    first = site.page("v1/0.json")
    assert first is not None
    await bodies.get(first)
    assert stored.reads == [artifacts.site_file(COMMIT, "v1/0.json")]


async def test_file_that_is_too_large_is_no_page(world: World) -> None:
    index = json.loads(world.stored.objects[artifacts.site_index(COMMIT)])
    index["files"]["v1/usb.json"]["size"] = FILE_BYTES_MAX + 1
    world.stored.put_json(artifacts.site_index(COMMIT), index)
    async with world.client() as client:
        assert (await client.get("/v1/usb.json")).status_code == 404
        assert (await client.get(LIST)).status_code == 200
    assert not any("usb.json" in key for key in world.stored.reads)


async def test_nothing_is_made_of_a_file_that_is_too_large_to_parse(world: World) -> None:
    large = world.stored.objects[artifacts.keyboard_info(COMMIT, KEYBOARD)]
    large += b" " * DOCUMENT_BYTES_MAX
    names = b'{"keyboards": []}' + b" " * DOCUMENT_BYTES_MAX
    world.publish_site(files={INFO[1:]: large, LIST[1:]: names})
    async with world.client() as client:
        assert (await client.get(INFO)).content == large
        world.stored.reads.clear()
        for path in (
            "/v1/keyboards",
            "/v1/keyboards/clueboard/66/info.json",
            f"/v1/keyboards/{KEYBOARD},clueboard/66",
            f"/v1/keyboards/{KEYBOARD}/keymaps/default",
        ):
            check_unavailable(await client.get(path))
    assert not any(key.startswith("firmware/") for key in world.stored.reads)


async def test_many_askers_load_a_page_once(world: World) -> None:
    bodies = Bodies(world.stored, world.cache, world.clock)
    page = (await current(world).get()).page("v1/usb.json")
    assert page is not None
    found = await asyncio.gather(*(bodies.get(page, "gzip") for _ in range(20)))
    assert len(set(found)) == 1
    assert world.stored.reads.count(artifacts.site_file(COMMIT, "v1/usb.json")) == 1


async def test_channel_points_where_it_last_did_while_storage_is_away(world: World) -> None:
    catalog = Catalog(world.stored, world.cache, world.clock)
    known = await catalog.channel("master")
    world.stored.away = True
    world.clock.seconds += 3600
    assert await catalog.channel("master") == known
    with pytest.raises(StorageUnavailable):
        await catalog.refresh_channel("master")
    with pytest.raises(StorageUnavailable):
        await catalog.channel("develop")


async def test_newer_index_may_say_more(world: World) -> None:
    files = {"v1/usb.json": SiteFile(1, "0" * 64)}
    body = {**to_body(SiteIndex(COMMIT, files)), "schema": 2, "colour": "green"}
    world.stored.objects[artifacts.site_index(COMMIT)] = json.dumps(body).encode()
    assert (await current(world).get()).files == files
