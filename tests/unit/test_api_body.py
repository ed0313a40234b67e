"""Request bodies: any bytes are parsed or refused, and what is parsed survives Kubernetes."""

import asyncio
import contextlib
import json
import math
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmk_api.body import DEPTH_MAX, parse_json
from qmk_api.body_room import BYTES_MAX, SMALL_BYTES_MAX, BodyRoom, NoRoom
from qmk_api.compiling.compile_request import read_compile_request
from qmk_api.errors import ApiError
from qmk_api.openapi import schemas
from qmk_contract.build_key import JobId, canonical_json, parse_job_id
from qmk_contract.errors import RequestError
from qmk_contract.keymap_values import EXACT_INTEGER_MAX
from tests.unit.api_fakes import World, keymap_body

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
values: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=12
)
texts = st.text(st.characters())  # surrogates too


@given(st.binary())
def test_any_bytes_are_parsed_or_refused(raw: bytes) -> None:
    with contextlib.suppress(ApiError):
        parse_json(raw)


@given(values)
def test_parsed_numbers_are_what_every_json_reader_keeps(value: Any) -> None:
    try:
        parsed = parse_json(json.dumps(value).encode())
    except ApiError:
        return
    assert all(_kept(number) for number in _numbers(parsed))
    json.dumps(parsed, ensure_ascii=False).encode()  # no surrogates


@given(
    st.dictionaries(st.sampled_from([*keymap_body(), "config", "macros", "branch"]), values),
    texts,
)
def test_any_object_is_accepted_or_refused(changes: dict[str, Any], name: str) -> None:
    try:
        request = read_compile_request(keymap_body(**{"keymap": name, **changes}))
    except (ApiError, RequestError):
        return
    assert parse_job_id(str(JobId("a" * 26, request.keymap_name)))
    canonical_json(request.keymap.to_body()).decode("ascii")


@given(texts)
def test_no_keymap_name_is_refused(name: str) -> None:
    request = read_compile_request(keymap_body(keymap=name))
    assert parse_job_id(str(JobId("a" * 26, request.keymap_name)))


def _numbers(value: Any) -> list[int | float]:
    if isinstance(value, dict):
        return [number for item in value.values() for number in _numbers(item)]
    if isinstance(value, list):
        return [number for item in value for number in _numbers(item)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


def _kept(number: int | float) -> bool:
    return abs(number) <= EXACT_INTEGER_MAX if isinstance(number, int) else not number.is_integer()


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (rb'"\ud83d"', "\ufffd"),
        (rb'"\ude00\ud83d"', "\ufffd\ufffd"),
        (rb'"\ud83d\ude00 \\ud83d"', "😀 \\ud83d"),
        (rb'{"\ud83d": [{"a": "x\ud83dy"}]}', {"\ufffd": [{"a": "x\ufffdy"}]}),
    ],
)
def test_halves_of_surrogate_pairs_are_replaced(raw: bytes, value: Any) -> None:
    assert parse_json(raw) == value


@pytest.mark.parametrize(
    ("text", "number"),
    [("1e400", math.inf), ("1e20", math.inf), ("9" * 5000, math.inf), ("1.5", 1.5), ("2.0", 2)],
)
def test_numbers_that_not_every_reader_keeps_become_infinite(text: str, number: float) -> None:
    assert repr(parse_json(text.encode())) == repr(number)


@pytest.mark.parametrize(("before", "after", "levels"), [("[", "]", 1), ('[1, {"b": ', "}]", 2)])
def test_depth_is_bounded(before: str, after: str, levels: int) -> None:
    def nested(depth: int) -> bytes:
        times = depth // levels
        return (before * times + "0" + after * times).encode()

    parse_json(nested(DEPTH_MAX))
    for depth in (DEPTH_MAX + 2, 1000, 200_000):
        with pytest.raises(ApiError, match="nested too deeply"):
            parse_json(nested(depth))


@pytest.mark.parametrize("coding", ["gzip", "br", "identity, gzip"])
async def test_a_compressed_body_is_refused(coding: str) -> None:
    async with World().client() as client:
        headers = {"Content-Encoding": coding}
        reply = await client.post("/v1/compile", content=b"{}", headers=headers)
    assert (reply.status_code, reply.json()["code"]) == (415, 415)


def test_room_is_bounded_and_its_last_quarter_is_for_small_bodies() -> None:
    large, small = SMALL_BYTES_MAX + 1, SMALL_BYTES_MAX
    room = BodyRoom(8 * large)
    for _ in range(6):
        room.take(large, large)
    with pytest.raises(NoRoom):
        room.take(1, large)
    for _ in range(2):
        room.take(small, small)
    room.take(2, 2)
    with pytest.raises(NoRoom):
        room.take(1, 1)
    room.give_back(large)
    room.take(large, small)


async def test_bodies_that_come_slowly_take_a_bounded_room_and_leave_some_for_keymaps() -> None:
    world = World()
    world.publish()
    size = world.settings.body_bytes_max
    told: asyncio.Queue[int | str] = asyncio.Queue()
    let_go = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield b" " * (size - 1)
        told.put_nowait("waits")
        await let_go.wait()
        yield b"."

    async with world.client() as client:

        async def post() -> httpx.Response:
            reply = await client.post("/v1/compile", content=slow())
            told.put_nowait(reply.status_code)
            return reply

        room = BYTES_MAX * 3 // 4 // size
        posts = [asyncio.create_task(post()) for _ in range(room + 9)]
        async with asyncio.timeout(20):
            first = [await told.get() for _ in posts]
        assert Counter(first) == {"waits": room, 503: 9}
        assert (await client.post("/v1/compile", json=keymap_body())).status_code == 200
        let_go.set()
        async with asyncio.timeout(20):
            replies = await asyncio.gather(*posts)
            replies.append(await post())
    assert Counter(reply.status_code for reply in replies) == {503: 9, 400: room + 1}
    for reply in replies:
        assert schemas.Error.model_validate(reply.json()).code == reply.status_code
        assert reply.status_code == 400 or int(reply.headers["Retry-After"]) > 0
