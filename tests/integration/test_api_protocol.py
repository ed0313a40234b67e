"""Bytes that are no request, or too much of one: a clear 4xx, and the process lives on."""

import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import httpx
import pytest
from kubernetes import client

from qmk_local.apiserver import RunningApiServer
from tests.integration.api_process import ApiProcess, request_body, running_apis
from tests.integration.raw_http import RawReply, connect, exchange, read_replies
from tests.integration.s3_server import S3Server

MIB = 1 << 20
#: More than that, over all of this module, would be kept of what was refused.
GROWTH_MAX = 48 * MIB
CLOSE = b"Host: api\r\nConnection: close\r\n"
GET = b"GET /healthz HTTP/1.1\r\n" + CLOSE
POST = b"POST /v1/compile HTTP/1.1\r\n" + CLOSE
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def get(target: bytes) -> bytes:
    """A whole request for any target."""
    return b"GET " + target + b" HTTP/1.1\r\n" + CLOSE + b"\r\n"


@pytest.fixture(scope="module")
def api(
    api_server: RunningApiServer,
    api_client: client.ApiClient,
    s3_server: S3Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ApiProcess]:
    folder = tmp_path_factory.mktemp("protocol")
    with running_apis(1, api_server, api_client, s3_server, folder) as system:
        [process] = system.apis
        for _ in range(3):  # what a first request loads is no growth
            exchange(process.port, GET + b"\r\n")
        before = process.memory_bytes()
        yield process
        assert process.memory_bytes() - before < GROWTH_MAX


REFUSED = {
    "ten megabytes in one header": (
        431,
        [b"GET /v1 HTTP/1.1\r\nX: " + b"a" * 10 * MIB + b"\r\n\r\n"],
    ),
    "ten megabytes of headers": (431, [b"GET /v1 HTTP/1.1\r\n", b"X-A: bcdefgh\r\n" * 700_000]),
    "headers without end": (431, [b"GET /v1 HTTP/1.1\r\n", *[b"X: " + b"a" * 60_000] * 8]),
    "a header name without end": (431, [b"GET /v1 HTTP/1.1\r\n", b"x" * MIB]),
    "two hundred header fields": (431, [GET + b"X: y\r\n" * 200 + b"\r\n"]),
    "a long path": (414, [get(b"/v1/" + b"a" * 3000)]),
    "a longer path": (414, [get(b"/" + b"a" * 20_000)]),
    "ten megabytes of path": (414, [b"GET /" + b"a" * 10 * MIB]),
    "a long query": (414, [get(b"/v1?" + b"a" * 20_000)]),
    "bytes that are no UTF-8 in a path": (400, [get(b"/v1/\xff\xfe")]),
    "UTF-8 in a path": (400, [get(b"/v1/\xc3\xa9")]),
    "encoded bytes that are no UTF-8": (400, [get(b"/v1/%ff")]),
    "a NUL in a path": (400, [get(b"/v1/\0")]),
    "an encoded NUL": (400, [get(b"/v1/compile/%00")]),
    "an encoded slash": (400, [get(b"/v1/compile%2Fx")]),
    "a backslash": (400, [get(b"/v1\\..\\x")]),
    "dot segments": (400, [get(b"/v1/../../etc/passwd")]),
    "encoded dot segments": (400, [get(b"/v1/%2e%2E/x")]),
    "a NUL in a header": (400, [GET + b"X: a\0b\r\n\r\n"]),
    "a space in a header name": (400, [GET + b"X Y: z\r\n\r\n"]),
    "a space before a colon": (400, [GET + b"Content-Length : 3\r\n\r\n"]),
    "no header name": (400, [GET + b": z\r\n\r\n"]),
    "no path": (400, [b"GET HTTP/1.1\r\n\r\n"]),
    "a target of neither form": (400, [get(b"v1")]),
    "a tunnel": (400, [b"CONNECT example.com:443 HTTP/1.1\r\n" + CLOSE + b"\r\n"]),
    "an unknown method": (501, [b"FETCH /v1 HTTP/1.1\r\n" + CLOSE + b"\r\n"]),
    "a method in lower case": (501, [b"get /v1 HTTP/1.1\r\n" + CLOSE + b"\r\n"]),
    "no Host": (400, [b"GET /v1 HTTP/1.1\r\nConnection: close\r\n\r\n"]),
    "two Hosts": (400, [GET + b"Host: other\r\n\r\n"]),
    "two Hosts in HTTP/1.0": (400, [b"GET /v1 HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n"]),
    "a method that is nowhere allowed": (405, [b"TRACE /v1 HTTP/1.1\r\n" + CLOSE + b"\r\n"]),
    "HTTP/0.9": (400, [b"GET /v1\r\n\r\n"]),
    "an HTTP/2 preface": (400, [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]),
    "HTTP/2.0 in a request line": (400, [b"GET /v1 HTTP/2.0\r\n" + CLOSE + b"\r\n"]),
    "HTTP/9.9": (400, [b"GET /v1 HTTP/9.9\r\n" + CLOSE + b"\r\n"]),
    "a TLS greeting": (400, [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x5a" * 500]),
    "both lengths": (
        400,
        [POST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    ),
    "two lengths": (400, [POST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n{}"]),
    "a length below zero": (400, [POST + b"Content-Length: -1\r\n\r\n{}"]),
    "a length in letters": (400, [POST + b"Content-Length: 1e3\r\n\r\n{}"]),
    "a length beyond 64 bits": (400, [POST + b"Content-Length: 99999999999999999999\r\n\r\n{}"]),
    "a length beyond the bound": (413, [POST + b"Content-Length: 2000000\r\n\r\n{"]),
    "a coding that is not chunked": (400, [POST + b"Transfer-Encoding: gzip\r\n\r\n{}"]),
    "chunked before another coding": (400, [POST + b"Transfer-Encoding: chunked, gzip\r\n\r\n{}"]),
    "another coding before chunked": (400, [POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n"]),
    "chunked twice": (
        400,
        [POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
    ),
    "a chunk size beyond 64 bits": (400, [CHUNKED + b"f" * 20 + b"\r\n"]),
    "a chunk size that is none": (400, [CHUNKED, b"zz\r\n{}"]),
    "a chunk size below zero": (400, [CHUNKED + b"-5\r\n{}"]),
    "a chunk extension without end": (431, [CHUNKED + b"2;", *[b"a" * 60_000] * 8]),
    "trailers without end": (
        431,
        [CHUNKED + b"2\r\n{}\r\n0\r\n", *[b"X: yyyyyyyyy\r\n" * 8_000] * 4],
    ),
    "chunks beyond the bound": (
        413,
        [CHUNKED, *[b"10000\r\n" + b" " * 65536 + b"\r\n"] * 40, b"0\r\n\r\n"],
    ),
    "a compressed body": (415, [POST + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"]),
    "a body that is no UTF-8": (400, [POST + b'Content-Length: 4\r\n\r\n"\xff\xfe"']),
    "a body that is nested too deeply": (
        400,
        [POST + b"Content-Length: 200000\r\n\r\n" + b"[" * 200_000],
    ),
    "no body": (400, [POST + b"\r\n"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_request_is_a_json_error(api: ApiProcess, name: str) -> None:
    code, pieces = REFUSED[name]
    [reply] = exchange(api.port, *pieces)
    assert reply.status == code, reply
    assert reply.json()["code"] == code
    assert reply.json()["message"]
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["connection"] == "close"
    assert alive(api)


JOB = b"/v1/compile/" + b"a" * 26
POLLS = {
    "a header field of 70 kB": (431, get(JOB)[:-2] + b"X: " + b"a" * 70_000 + b"\r\n\r\n"),
    "150 header fields": (431, get(JOB)[:-2] + b"X: y\r\n" * 150 + b"\r\n"),
    "a long query": (414, get(JOB + b"?" + b"a" * 20_000)),
    "UTF-8 in a path": (400, get(b"/v1/compile/\xc3\xa9")),
    "an encoded slash": (400, get(b"/v1/compile/az7%2Frtn")),
    "an encoded slash in a whole URL": (400, get(b"http://api/v1/compile/az7%2Frtn")),
    "dot segments": (400, get(b"/v1/compile/../x")),
    "a path of 3 kB": (414, get(b"/v1/compile/" + b"a" * 3000)),
    "two slashes at the beginning": (431, b"GET /" + JOB + b" HTTP/1.1\r\n" + b"X: y\r\n" * 150),
    "a target that does not end": (414, b"GET /v1/compile/" + b"a" * 20_000),
    "two Hosts": (400, get(JOB)[:-2] + b"Host: other\r\n\r\n"),
}


@pytest.mark.parametrize("name", POLLS)
def test_rules_4_and_6_a_poll_that_is_refused_is_json_and_has_a_status(
    api: ApiProcess, name: str
) -> None:
    code, text = POLLS[name]
    [reply] = exchange(api.port, text)
    assert (reply.status, reply.json()["code"]) == (code, code)
    assert reply.json()["status"] == "unknown"
    assert reply.headers["access-control-allow-origin"] == "*"


def test_other_refusals_have_no_status(api: ApiProcess) -> None:
    for target in (b"/v1", b"/v1/compile", b"/v1/compiled/x"):
        [reply] = exchange(api.port, get(target)[:-2] + b"X: y\r\n" * 150 + b"\r\n")
        assert set(reply.json()) == {"code", "message"}
    [reply] = exchange(api.port, get(b"/v1/info%2Fx"))
    assert set(reply.json()) == {"code", "message"}


HEADS = {
    name: (code, [pieces[0].replace(b"GET ", b"HEAD ", 1), *pieces[1:]])
    for name, (code, pieces) in REFUSED.items()
    if pieces[0].startswith(b"GET ")
}


@pytest.mark.parametrize("name", HEADS)
def test_a_refused_head_has_no_body(api: ApiProcess, name: str) -> None:
    code, pieces = HEADS[name]
    with connect(api.port) as peer:
        with contextlib.suppress(ConnectionError):
            for piece in pieces:
                peer.sendall(piece)
        raw = b""
        with contextlib.suppress(ConnectionError):
            while piece := peer.recv(65536):
                raw += piece
    head, end, body = raw.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % code)
    assert (end, body) == (b"\r\n\r\n", b"")


def test_a_refused_upload_of_a_client_that_closes_gets_its_reply(api: ApiProcess) -> None:
    for _ in range(8):  # urllib asks for an end of the connection, and reads once all is sent
        upload = urllib.request.Request(f"{api.url}/v1/compile", b" " * 6_000_000)
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(upload, timeout=30)
        assert refused.value.code == json.load(refused.value)["code"] == 413


ANSWERED = {
    "a whole URL as target": b"GET http://elsewhere.example/healthz HTTP/1.1\r\n" + CLOSE,
    "options of the server": b"OPTIONS * HTTP/1.1\r\n" + CLOSE,
    "slashes at the beginning": b"GET //healthz HTTP/1.1\r\n" + CLOSE,
    "HTTP/1.0": b"GET /healthz HTTP/1.0\r\n",
    "a WebSocket": b"GET /healthz HTTP/1.1\r\nHost: api\r\nConnection: Upgrade\r\n"
    b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n",
    "an upgrade to HTTP/2": b"GET /healthz HTTP/1.1\r\nHost: api\r\n"
    b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n",
    "empty lines before a request": b"\r\n\r\n" + GET,
    "a header field of 60 kB": GET + b"X: " + b"a" * 60_000 + b"\r\n",
}


@pytest.mark.parametrize("name", ANSWERED)
def test_what_is_unusual_but_valid_is_answered(api: ApiProcess, name: str) -> None:
    [reply] = exchange(api.port, ANSWERED[name], b"\r\n")
    assert reply.status == 200
    assert reply.headers["access-control-allow-origin"] == "*"
    assert alive(api)


def test_pipelined_requests_are_answered_in_order(api: ApiProcess) -> None:
    keep = b"GET /healthz HTTP/1.1\r\nHost: api\r\n\r\n"
    missing = b"GET /no/such/page HTTP/1.1\r\nHost: api\r\n\r\n"
    replies = exchange(api.port, keep + missing + keep * 20 + GET + b"\r\n")
    assert [reply.status for reply in replies] == [200, 404, *[200] * 21]


def test_nonsense_behind_a_request_spoils_only_itself(api: ApiProcess) -> None:
    keep = b"GET /healthz HTTP/1.1\r\nHost: api\r\n\r\n"
    replies = exchange(api.port, keep + b"\x00\x01nonsense\r\n\r\n")
    assert [reply.status for reply in replies] == [200, 400]
    replies = exchange(api.port, keep * 3, b"GET /v1 HTTP/1.1\r\nX: " + b"a" * MIB)
    assert [reply.status for reply in replies] == [200, 200, 200, 431]


def test_a_body_is_asked_for_before_it_is_sent(api: ApiProcess) -> None:
    head = POST + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    with connect(api.port) as peer:
        peer.sendall(head)
        interim = b""
        while not interim.endswith(b"\r\n\r\n"):
            interim += peer.recv(1)
        assert interim.startswith(b"HTTP/1.1 100 ")
        peer.sendall(b"{}")
        [reply] = read_replies(peer)
    assert reply.status == 400


def test_a_body_that_ends_early_costs_nothing(api: ApiProcess) -> None:
    assert exchange(api.port, POST + b"Content-Length: 100\r\n\r\n{", close=True) == []
    assert alive(api)


def test_a_request_in_single_bytes_is_answered(api: ApiProcess) -> None:
    text = GET + b"\r\n"
    pieces = [text[at : at + 1] for at in range(len(text))]
    assert [reply.status for reply in exchange(api.port, *pieces)] == [200]


def test_a_thousand_idle_connections_leave_room_for_a_request(api: ApiProcess) -> None:
    idle = [connect(api.port) for _ in range(1000)]
    try:
        for peer in idle[::2]:
            peer.sendall(b"POST /v1/compile HTTP/1.1\r\nHost: api\r\nContent-Le")
        assert alive(api)
    finally:
        for peer in idle:
            peer.close()


NAMES = ("../../etc/passwd", "..\\..\\x", "a/b", "%2e%2e%2f", "x\0y", "CON", "a" * 10_000, "é")


@pytest.mark.parametrize("name", NAMES)
def test_names_that_look_like_paths_stay_names(api: ApiProcess, name: str) -> None:
    with httpx.Client(base_url=api.url, timeout=30) as http:
        reply = http.post("/v1/compile", json=request_body("KC_Z", keymap=name))
        assert reply.status_code in (200, 422)
        if reply.status_code == 200:
            job_id = reply.json()["job_id"]
            assert all(
                part.replace("-", "").isalnum() for part in job_id.replace("_", "").split(".")
            )
        reply = http.post("/v1/compile", json=request_body("KC_Z", keyboard=name))
        assert reply.status_code == 422
        assert reply.json()["code"] == 422
    assert alive(api)


def alive(api: ApiProcess) -> bool:
    """Whether the same process still answers."""
    [reply] = exchange(api.port, GET + b"\r\n")
    return reply == RawReply(200, reply.headers, b'{"status":"ok"}')
