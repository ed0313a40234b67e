"""Gists from a server in GitHub's place: what comes back, and how seldom it is asked."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from kubernetes import client

from qmk_api.adapters import gists
from qmk_api.adapters.gists import REMEMBERED_SECONDS, REPLY_BYTES_MAX, GitHubGists
from qmk_api.ports import GistsUnavailable, UnfitGist
from qmk_local.apiserver import RunningApiServer
from tests.integration.api_process import running_apis
from tests.integration.github_server import GitHubServer, Reply, running_github
from tests.integration.s3_server import S3Server
from tests.unit.api_fakes import Clock

GIST = "aa5a315d61ae9438b18d"
ROWS = '[{"name":"Pad"},["A",{"w":2},"B"]]'
NOW = 1_800_000_000.0


@pytest.fixture
def github() -> Iterator[GitHubServer]:
    with running_github() as server:
        server.add(GIST, my_kbd_json=ROWS, notes_md="# Notes")
        yield server


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def github_gists(github: GitHubServer, clock: Clock) -> AsyncIterator[GitHubGists]:
    adapter = GitHubGists(github.url, clock, now=lambda: NOW)
    async with adapter.running():
        yield adapter


async def test_layout_is_read_and_remembered(
    github_gists: GitHubGists, github: GitHubServer, clock: Clock
) -> None:
    assert await github_gists.read(GIST) == ROWS
    assert await github_gists.read(GIST) == ROWS
    assert github.asked == [GIST]
    assert github.headers[0]["user-agent"] == "qmk-compile"
    clock.seconds += REMEMBERED_SECONDS
    assert await github_gists.read(GIST) == ROWS
    assert len(github.asked) == 2


async def test_callers_at_the_same_time_share_one_call(
    github_gists: GitHubGists, github: GitHubServer
) -> None:
    assert set(await asyncio.gather(*(github_gists.read(GIST) for _ in range(20)))) == {ROWS}
    assert github.asked == [GIST]


@pytest.mark.parametrize("status", [404, 410, 451])
async def test_unknown_gist_is_remembered_too(
    github_gists: GitHubGists, github: GitHubServer, status: int
) -> None:
    github.replies["abc"] = Reply(status)
    assert await github_gists.read("abc") is None
    assert await github_gists.read("abc") is None
    assert github.asked == ["abc"]


async def test_unfit_gist_is_remembered_too(
    github_gists: GitHubGists, github: GitHubServer
) -> None:
    github.add("abc", one_json="[]", two_json="[]")
    for _ in range(2):
        with pytest.raises(UnfitGist, match="one file"):
            await github_gists.read("abc")
    assert github.asked == ["abc"]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(500),
        Reply(200, b"<html>"),
        Reply(200, b"{}"),
        Reply(200, b"\x1f\x8b", {"Content-Encoding": "gzip"}),
        Reply(200, b"{", {"Content-Length": "70"}),
        Reply(302, b"", {"Location": f"/gists/{GIST}"}),
    ],
)
async def test_reply_that_is_no_gist_is_an_outage_and_tried_again(
    github_gists: GitHubGists, github: GitHubServer, reply: Reply
) -> None:
    github.replies["abc"] = reply
    with pytest.raises(GistsUnavailable):
        await github_gists.read("abc")
    assert github.asked == ["abc"], "no redirect is followed"
    github.add("abc", my_kbd_json=ROWS)
    assert await github_gists.read("abc") == ROWS


async def test_large_gist_is_refused(github_gists: GitHubGists, github: GitHubServer) -> None:
    github.add("abc", my_kbd_json=" " * REPLY_BYTES_MAX)
    with pytest.raises(UnfitGist, match="larger than"):
        await github_gists.read("abc")


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "30"}, 30),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW) + 900)}, 900),
        ({"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW) - 900)}, 1),
        ({"X-RateLimit-Remaining": "0"}, 60),
        ({"Retry-After": "86400"}, 3600),
        ({"Retry-After": "nan"}, 60),
        ({}, 60),
    ],
)
@pytest.mark.parametrize("status", [403, 429])
async def test_github_is_left_alone_for_as_long_as_it_asks(
    github_gists: GitHubGists, github: GitHubServer, clock: Clock,
    status: int, headers: dict[str, str], seconds: float,
) -> None:  # fmt: skip
    github.replies["abc"] = Reply(status, b"{}", headers)
    for gist in ("abc", "abc", GIST):
        with pytest.raises(GistsUnavailable) as refused:
            await github_gists.read(gist)
        assert refused.value.retry_after == seconds
    assert github.asked == ["abc"]
    clock.seconds += seconds
    assert await github_gists.read(GIST) == ROWS


async def test_slow_reply_is_not_waited_for(
    github_gists: GitHubGists, github: GitHubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gists, "FETCH_SECONDS", 0.3)
    github.replies["abc"] = Reply(200, b"{", slow=True)
    began = time.monotonic()
    with pytest.raises(GistsUnavailable):
        await github_gists.read("abc")
    assert time.monotonic() - began < 2


async def test_closed_port_is_an_outage(clock: Clock) -> None:
    with running_github() as server:
        url = server.url
    adapter = GitHubGists(url, clock)
    async with adapter.running():
        with pytest.raises(GistsUnavailable):
            await adapter.read(GIST)


def test_gist_is_converted_by_the_process(
    api_server: RunningApiServer,
    api_client: client.ApiClient,
    s3_server: S3Server,
    github: GitHubServer,
    tmp_path: Path,
) -> None:
    with running_apis(
        1, api_server, api_client, s3_server, tmp_path, QMK_GITHUB_API_URL=github.url
    ) as system:
        post = system.clients[0].post
        path = "/v1/converters/kle"
        by_id = post(path, json={"id": f"https://gist.github.com/{GIST}"})
        assert by_id.text == post(path, json={"raw": ROWS}).text
        assert by_id.json()["keyboard_name"] == "Pad"
        unknown = post(path, json={"id": "abc"})
        assert (unknown.status_code, unknown.json()["code"]) == (404, 404)
        github.replies["abd"] = Reply(403, b"{}", {"Retry-After": "77"})
        refused = post(path, json={"id": "abd"})
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "77")
