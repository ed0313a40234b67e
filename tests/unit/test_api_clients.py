"""Whom a request is counted for."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmk_api.clients import client_address, client_id
from qmk_contract.compile_job import ANONYMOUS


@pytest.mark.parametrize(
    ("forwarded_for", "proxies", "address"),
    [
        ([], 0, "10.0.0.1"),
        (["1.1.1.1"], 0, "10.0.0.1"),
        (["1.1.1.1"], 1, "1.1.1.1"),
        (["6.6.6.6, 1.1.1.1"], 1, "1.1.1.1"),
        (["6.6.6.6", "1.1.1.1"], 1, "1.1.1.1"),
        (["6.6.6.6, 1.1.1.1, 10.0.0.2"], 2, "1.1.1.1"),
        (["1.1.1.1"], 2, "10.0.0.1"),
        ([], 1, "10.0.0.1"),
        (["6.6.6.6, 1.1.1.1:4711"], 1, "1.1.1.1:4711"),
        (["6.6.6.6,unknown"], 1, "unknown"),
        (["," * 50_000 + "1.1.1.1"], 1, "1.1.1.1"),
        ([""], 1, ""),
    ],
)
def test_only_entries_of_trusted_proxies_count(
    forwarded_for: list[str], proxies: int, address: str
) -> None:
    assert client_address("10.0.0.1", forwarded_for, proxies) == address


def test_id_is_stable_and_of_one_address_and_salt() -> None:
    assert client_id("1.1.1.1", "a") == client_id("1.1.1.1", "a")
    assert client_id("1.1.1.1", "a") != client_id("1.1.1.2", "a")
    assert client_id("1.1.1.1", "a") != client_id("1.1.1.1", "b")


def test_a_whole_ipv6_network_is_one_client() -> None:
    assert client_id("2001:db8::1", "a") == client_id("2001:db8::ffff:1", "a")
    assert client_id("2001:db8::1", "a") != client_id("2001:db8:0:1::1", "a")
    assert client_id("::ffff:1.1.1.1", "a") == client_id("1.1.1.1", "a")


@pytest.mark.parametrize("written", ["1.1.1.1:4711", "::ffff:1.1.1.1", "[::ffff:1.1.1.1]:80"])
def test_a_port_beside_the_address_makes_no_other_client(written: str) -> None:
    assert client_id(written, "a") == client_id("1.1.1.1", "a")


def test_brackets_and_scope_make_no_other_client() -> None:
    assert client_id("[2001:db8::1]", "a") == client_id("2001:db8::1", "a")
    assert client_id("fe80::1%eth0", "a") == client_id("fe80::1", "a")


@pytest.mark.parametrize(
    "written",
    ["", "unknown", "_hidden", "1.1.1", "1.1.1.1:", "1.1.1.1:123456", "[]", "[::1", "[1.1.1.1]x",
     "\uff11.1.1.1", "01.1.1.1", "::1]:80", "1.1.1.1/24", "1.1.1.1, 2.2.2.2"],
)  # fmt: skip
def test_what_is_no_address_is_nobody_in_particular(written: str) -> None:
    assert client_id(written, "a") == ANONYMOUS


@given(st.text(), st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_gives_an_id_that_the_schema_takes(address: str, salt: str) -> None:
    assert re.fullmatch(r"[a-z0-9]{20}|anonymous", client_id(address, salt))
