"""Request bodies: any bytes are parsed or refused, and what is parsed survives Kubernetes."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmk_api.body import DEPTH_MAX, INTEGER_MAX, parse_json
from qmk_api.compiling.compile_request import read_compile_request
from qmk_api.errors import ApiError
from qmk_contract.build_key import JobId, canonical_json, parse_job_id
from qmk_contract.errors import RequestError
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
    canonical_json(parsed).decode("ascii")


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
    return abs(number) <= INTEGER_MAX if isinstance(number, int) else not number.is_integer()


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
