"""The keyboard site of a real process: through publications, outages, and slow readers."""

import contextlib
import hashlib
import json
import secrets
import socket
from collections.abc import Iterator

import httpx
import pytest

from qmk_contract import artifacts
from tests.integration.api_process import ApiSystem, request_body
from tests.integration.published import ALIAS, KEYBOARD, publish, publish_site, put_json, site_files
from tests.integration.redis_server import RedisServer
from tests.integration.s3_server import S3Server
from tests.waiting import wait_for

Started = tuple[ApiSystem, RedisServer]
LIST = "/v1/keyboard_list.json"
INFO = f"/v1/keyboards/{KEYBOARD}/info.json"
OLD = f"/v1/keyboards/{ALIAS}/info.json"
ALL = "/v1/keyboards.json"
CODINGS = ("identity", "gzip", "zstd")
READERS = 50
#: What the readers of a file of this size may add to the process, held by nobody as a whole.
LARGE_BYTES = 28 << 20
GROWTH_BYTES_MAX = 32 << 20


def read(http: httpx.Client, path: str, coding: str = "identity") -> httpx.Response:
    return http.get(path, headers={"Accept-Encoding": coding})


def republish(system: ApiSystem, changes: dict[str, bytes]) -> str:
    """Move the channel to a new commit whose site differs; the commit."""
    commit = secrets.token_hex(20)
    publish_site(system.s3, commit, site_files() | changes)
    channel = system.jobs.namespace
    put_json(
        system.s3,
        artifacts.channel(channel),
        {"schema": 1, "channel": channel, "commit": commit, "published": "2026-11-24T09:00:00Z"},
    )
    return commit


@pytest.mark.parametrize("path", site_files())
def test_every_published_file_is_served_in_every_coding(started: Started, path: str) -> None:
    http = started[0].clients[0]
    content = site_files()[path]
    for coding in CODINGS:
        reply = read(http, f"/{path}", coding)
        assert (reply.status_code, reply.content) == (200, content)
        assert reply.headers.get("Content-Encoding", "identity") == coding
        tag = reply.headers["ETag"]
        again = http.get(f"/{path}", headers={"If-None-Match": tag})
        assert (again.status_code, again.headers["ETag"]) == (304, tag)


def test_metadata_outlives_storage_and_redis(started: Started, s3_server: S3Server) -> None:
    system, redis = started
    api, http = system.apis[0], system.clients[0]
    pages = [(path, coding) for path in (LIST, INFO, OLD, ALL) for coding in CODINGS]
    before = {page: read(http, *page) for page in pages}
    s3_server.stop()
    redis.stop()
    try:
        api.wait_ready(False, seconds=20)
        for page, known in before.items():
            reply = read(http, *page)
            assert (reply.status_code, reply.content) == (200, known.content)
            unchanged = http.get(page[0], headers={"If-None-Match": known.headers["ETag"]})
            assert unchanged.status_code == 304
        assert list(read(http, OLD).json()["keyboards"]) == [ALIAS]
        assert http.get("/v1/keyboards").json() == [KEYBOARD]
        assert http.get(f"/v1/keyboards/{ALIAS}").status_code == 302
        refused = http.post("/v1/compile", json=request_body("KC_1"))
        assert (refused.status_code, refused.json()["code"]) == (503, 503)
    finally:
        s3_server.start()
        redis.start()
    api.wait_ready(seconds=20)
    assert http.post("/v1/compile", json=request_body("KC_1")).status_code == 200


def test_file_that_nobody_has_read_waits_for_storage(started: Started, s3_server: S3Server) -> None:
    system, _ = started
    http = system.clients[0]
    marked = json.dumps({"keyboards": ["marked/one"]}).encode()
    unread = "v1/constants/keycodes_9.9.9.json"
    republish(system, {"v1/keyboard_list.json": marked, unread: b"{}"})
    wait_for("the new list", lambda: read(http, LIST).content == marked, seconds=20)
    s3_server.stop()
    try:
        reply = http.get(f"/{unread}")
        assert (reply.status_code, reply.json()["code"]) == (503, 503)
        assert int(reply.headers["Retry-After"]) > 0
    finally:
        s3_server.start()
    system.apis[0].wait_ready(seconds=20)
    assert http.get(f"/{unread}").content == b"{}"


def test_redis_that_is_away_costs_nothing(started: Started) -> None:
    system, redis = started
    http = system.clients[0]
    redis.stop()
    try:
        marked = json.dumps({"keyboards": ["fresh/one"]}).encode()
        republish(system, {"v1/keyboard_list.json": marked})
        wait_for("the new list", lambda: read(http, LIST).content == marked, seconds=20)
        assert http.get("/v1/keyboards").json() == ["fresh/one"]
        assert system.apis[0].status("/readyz") == 200
    finally:
        redis.start()


def test_site_whose_index_is_missing_does_not_take_the_old_ones_place(started: Started) -> None:
    system, _ = started
    http = system.clients[0]
    marked = json.dumps({"keyboards": ["kept/one"]}).encode()
    republish(system, {"v1/keyboard_list.json": marked})
    wait_for("the new list", lambda: read(http, LIST).content == marked, seconds=20)
    channel, commit = system.jobs.namespace, secrets.token_hex(20)
    pointer = {"schema": 1, "channel": channel, "commit": commit,
               "published": "2026-11-24T09:00:00Z"}  # fmt: skip
    put_json(system.s3, artifacts.channel(channel), pointer)
    log = system.apis[0].log
    wait_for("the index to be missed", lambda: f"site of {commit}" in log.read_text(), seconds=20)
    assert read(http, LIST).content == marked
    publish(system.s3, commit, channel=channel)
    wait_for("the site", lambda: http.get("/v1/keyboards").json() == [KEYBOARD], seconds=20)


def test_slow_readers_of_a_large_file_take_little_memory(started: Started) -> None:
    system, _ = started
    api, http = system.apis[0], system.clients[0]
    noise = secrets.token_hex(LARGE_BYTES // 8)  # text that packs to half of its size
    large = json.dumps({"keyboards": {KEYBOARD: [noise] * 4}}).encode()
    republish(system, {"v1/keyboards.json": large})
    tag = f'"{hashlib.sha256(large).hexdigest()}"'
    wait_for(
        "the large file", lambda: http.head(ALL).headers["ETag"].startswith(tag[:-1]), seconds=20
    )
    for coding in CODINGS:
        assert read(http, ALL, coding).content == large
    before = api.memory_bytes()
    for coding in CODINGS:
        with contextlib.ExitStack() as stack:
            readers = [stack.enter_context(slow_reader(api.port, coding)) for _ in range(READERS)]
            for reader in readers:
                assert reader.recv(64).startswith(b"HTTP/1.1 200 ")
            assert read(http, ALL, coding).content == large
            assert read(http, LIST).status_code == 200
            assert api.memory_bytes() - before < GROWTH_BYTES_MAX, coding
    assert read(http, ALL).content == large
    assert "Traceback" not in api.log.read_text()


@contextlib.contextmanager
def slow_reader(port: int, coding: str) -> Iterator[socket.socket]:
    """A connection that has asked for the large file and takes next to nothing of it."""
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.settimeout(20)
        connection.connect(("127.0.0.1", port))
        request = f"GET {ALL} HTTP/1.1\r\nHost: api\r\nAccept-Encoding: {coding}\r\n\r\n"
        connection.sendall(request.encode())
        yield connection
