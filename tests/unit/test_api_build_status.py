"""What the status page reads: how the tests of keyboards' builds ended."""

import asyncio
import json
import logging
import threading
import zlib
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmk_api.openapi import status_schemas
from qmk_api.ports import StorageUnavailable
from qmk_api.service.build_status import BuildStatus
from qmk_contract import artifacts
from qmk_contract.codec import to_body
from qmk_contract.keyboard_status import KeyboardStatus
from qmk_contract.patterns import KEYBOARD_PATTERN
from tests.unit.api_fakes import COMMIT, KEYBOARD, FakeArtifacts, World

LOG = 'Compiling: keymap.c \x1b[32m[OK]\x1b[0m\n"ä"\n'
GOOD = KeyboardStatus(works=True, warnings=True, last_tested=1_700_000_000, message=LOG)
BAD = KeyboardStatus(works=False, warnings=False, last_tested=1_700_000_060, message="")
DOCUMENTS = ["build_status", "build_summary", "build_log"]


def store(stored: FakeArtifacts, **statuses: KeyboardStatus) -> None:
    for name, status in statuses.items():
        key = artifacts.keyboard_status(name.replace("__", "/"))
        stored.put_json(key, to_body(status))


@pytest.fixture
def world() -> World:
    made = World()
    made.publish()
    store(made.stored, clueboard__66__rev3=GOOD, planck__rev6=BAD)
    return made


async def until(what: str, probe: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it is so, at most for some seconds."""
    try:
        async with asyncio.timeout(10):
            while not await probe():  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.001)
    except TimeoutError:
        pytest.fail(f"waited in vain for {what}")


async def get(world: World, path: str, method: str = "GET", **options: Any) -> Any:
    async with world.client() as client:
        return await client.request(method, f"/v1/keyboards/{path}", **options)


async def test_summary_has_what_the_page_counts(world: World) -> None:
    reply = await get(world, "build_summary")
    assert reply.json() == {
        "clueboard/66/rev3": {"works": True, "warnings": True, "last_tested": 1_700_000_000},
        "planck/rev6": {"works": False, "warnings": False, "last_tested": 1_700_000_060},
    }
    for entry in reply.json().values():
        status_schemas.BuildSummary.model_validate(entry, strict=True)


async def test_status_tells_what_works(world: World) -> None:
    reply = await get(world, "build_status")
    assert reply.json() == {"clueboard/66/rev3": True, "planck/rev6": False}


async def test_logs_have_every_message_to_the_letter(world: World) -> None:
    reply = await get(world, "build_log")
    assert reply.json() == {"clueboard/66/rev3": to_body(GOOD), "planck/rev6": to_body(BAD)}
    one = await get(world, f"{KEYBOARD}/build_log")
    assert one.json() == to_body(GOOD)
    status_schemas.BuildLog.model_validate(one.json(), strict=True)


@pytest.mark.parametrize("name", [*DOCUMENTS, f"{KEYBOARD}/build_log", "error_log"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_length_is_told_for_a_progress_bar(world: World, name: str, method: str) -> None:
    whole = await get(world, name)
    reply = await get(world, name, method)
    assert reply.status_code == 200
    assert reply.headers["Content-Type"] == "application/json"
    assert reply.headers["Content-Length"] == str(len(whole.content))


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_what_did_not_change_is_not_sent_again(world: World, name: str) -> None:
    tag = (await get(world, name)).headers["ETag"]
    assert (await get(world, name, headers={"If-None-Match": tag})).status_code == 304
    store(world.stored, planck__rev6=GOOD)
    assert (await get(world, name, headers={"If-None-Match": tag})).status_code == 200


@pytest.mark.parametrize("name", DOCUMENTS)
async def test_nothing_tested_is_an_empty_object(name: str) -> None:
    reply = await get(World(), name)
    assert (reply.status_code, reply.content) == (200, b"{}")
    assert reply.headers["Content-Length"] == "2"


async def test_old_name_of_a_keyboard_gives_its_log(world: World) -> None:
    assert (await get(world, "clueboard/66/build_log")).json() == to_body(GOOD)


@pytest.mark.parametrize("keyboard", ["no/such", "%2e%2e", "%00", "A", "a" * 500, "planck"])
async def test_keyboard_that_was_not_tested_is_an_error_in_json(
    world: World, keyboard: str
) -> None:
    reply = await get(world, f"x/{keyboard}/build_log")
    assert reply.status_code in (400, 404)
    assert reply.json()["code"] == reply.status_code


async def test_error_log_lists_the_trees_own_faults(world: World) -> None:
    assert (await get(world, "error_log")).json() == []
    index = json.loads(world.stored.objects[artifacts.site_index(COMMIT)])
    index["faults"] = {"z/b": ["two", "three"], "a": ["one"], "no name": ["four"]}
    world.stored.put_json(artifacts.site_index(COMMIT), index)
    reply = await get(world, "error_log")
    assert reply.json() == [
        {"severity": "error", "message": "a: one"},
        {"severity": "error", "message": "z/b: two"},
        {"severity": "error", "message": "z/b: three"},
    ]


async def test_storage_that_was_never_there_is_503_and_not_null(world: World) -> None:
    world.stored.away = True
    for name in (*DOCUMENTS, f"{KEYBOARD}/build_log", "error_log"):
        reply = await get(world, name)
        assert (reply.status_code, reply.json()["code"]) == (503, 503)


async def test_only_what_changed_is_read_again() -> None:
    stored = FakeArtifacts()
    store(stored, a=GOOD, b=GOOD, c=GOOD)
    followed = BuildStatus(stored)
    await followed.refresh()
    stored.reads.clear()
    store(stored, b=BAD, d=GOOD)
    del stored.objects[artifacts.keyboard_status("c")]
    statuses = await followed.refresh()
    assert stored.reads == ["status/", "status/b.json", "status/d.json"]
    assert json.loads(statuses.works) == {"a": True, "b": False, "d": True}
    assert await followed.refresh() is statuses
    assert stored.reads[3:] == ["status/"]


async def test_outage_keeps_what_there_is() -> None:
    stored = FakeArtifacts()
    store(stored, a=GOOD)
    followed = BuildStatus(stored)
    before = await followed.refresh()
    stored.away = True
    with pytest.raises(StorageUnavailable):
        await followed.refresh()
    assert await followed.get() is before


async def test_messages_are_compressed_while_other_requests_are_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stored = FakeArtifacts()
    store(stored, a=GOOD)
    begun, answered = threading.Event(), threading.Event()

    def compress(document: bytes) -> bytes:
        begun.set()
        assert answered.wait(10), "nothing else was done meanwhile"
        return zlib.compress(document)

    monkeypatch.setattr("qmk_api.service.build_status.zlib", SimpleNamespace(compress=compress))
    refresh = asyncio.create_task(BuildStatus(stored).refresh())
    assert await asyncio.to_thread(begun.wait, 10)
    answered.set()
    async with asyncio.timeout(10):
        assert list((await refresh).entries) == ["a"]


class Flaky(FakeArtifacts):
    """Storage that lists, and goes away when the first object is read, until it is mended."""

    mended = False

    async def read(self, key: str, bytes_max: int) -> bytes | None:
        self.away = not self.mended
        return await super().read(key, bytes_max)


async def test_storage_that_goes_under_way_is_tried_once_and_loses_nothing() -> None:
    stored = Flaky()
    store(stored, a=GOOD, b=GOOD, c=GOOD)
    followed = BuildStatus(stored)
    assert dict((await followed.refresh()).entries) == {}
    assert len(stored.reads) == 2
    stored.mended, stored.away = True, False
    assert list((await followed.refresh()).entries) == ["a", "b", "c"]


async def test_damaged_status_is_left_out_and_logged_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stored = FakeArtifacts()
    store(stored, a=GOOD, b=GOOD)
    stored.objects[artifacts.keyboard_status("b")] = b'{"works": true}'
    stored.objects["status/NOT A KEYBOARD.json"] = b"{}"
    stored.objects["status/readme.txt"] = b"hello"
    followed = BuildStatus(stored)
    for _ in range(3):
        assert list((await followed.refresh()).entries) == ["a"]
    assert caplog.text.count("status/b.json is damaged") == 1
    store(stored, b=BAD)
    assert list((await followed.refresh()).entries) == ["a", "b"]


async def test_statuses_are_followed_while_the_process_runs(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("qmk_api.service.build_status.INTERVAL_SECONDS", 0.001)
    caplog.set_level(logging.WARNING)
    async with world.client() as client:

        async def serves(keyboard: str) -> bool:
            return keyboard in (await client.get("/v1/keyboards/build_status")).json()

        async def complains() -> bool:
            return "cannot be read" in caplog.text

        store(world.stored, new=GOOD)
        await until("the new status", lambda: serves("new"))
        world.stored.away = True
        await until("a word about the outage", complains)
        world.stored.away = False
        store(world.stored, newer=GOOD)
        await until("the status after the outage", lambda: serves("newer"))


@given(
    st.dictionaries(
        st.from_regex(KEYBOARD_PATTERN, fullmatch=True).filter(lambda n: len(n) < 100),
        st.builds(KeyboardStatus, last_tested=st.integers(0, 8_640_000_000_000)),
        max_size=5,
    )
)
def test_any_statuses_come_out_as_they_were_stored(statuses: dict[str, KeyboardStatus]) -> None:
    async def fetched() -> list[Any]:
        world = World()
        for keyboard, status in statuses.items():
            world.stored.put_json(artifacts.keyboard_status(keyboard), to_body(status))
        async with world.client() as client:
            replies = [await client.get(f"/v1/keyboards/{name}") for name in DOCUMENTS]
        return [reply.json() for reply in replies]

    works, summary, logs = asyncio.run(fetched())
    assert logs == {keyboard: to_body(status) for keyboard, status in statuses.items()}
    assert works == {keyboard: status.works for keyboard, status in statuses.items()}
    assert set(summary) == set(statuses)
