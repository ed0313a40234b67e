"""Peers that send too slowly, take too slowly or are too many: over real sockets, with short
bounds."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from qmk_api.serving import protocol
from qmk_api.serving.protocol import BoundedHttpProtocol
from qmk_api.serving.server import listen

WAIT_SECONDS = 10
BIG = 64 << 20


@dataclass
class Served:
    """A server with an application that answers at once, and what became of its replies."""

    port: int
    begun: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    #: Until it is set, /held is not answered.
    release: asyncio.Event = field(default_factory=asyncio.Event)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(writer)
        return reader, writer

    async def ask(self, text: bytes) -> bytes:
        """Send and read until the peer closes."""
        reader, writer = await self.connect()
        writer.write(text)
        async with asyncio.timeout(WAIT_SECONDS):
            return await reader.read()


@pytest.fixture
async def served(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(protocol, "STALL_SECONDS", 0.3)
    monkeypatch.setattr(protocol, "LINGER_SECONDS", 0.3)
    listener = listen("127.0.0.1", 0)
    made = Served(listener.getsockname()[1])

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        made.begun.append(scope["path"])
        if scope["path"] == "/held":
            await made.release.wait()
        if scope["path"] == "/stream":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for part in (b"data: 1\n\n", b"data: 2\n\n", b""):
                await send({"type": "http.response.body", "body": part, "more_body": bool(part)})
            return
        body = b"x" * BIG if scope["path"] == "/big" else b"{}"
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for at in range(0, len(body), 1 << 20):
            more = at + (1 << 20) < len(body)
            part = body[at : at + (1 << 20)]
            await send({"type": "http.response.body", "body": part, "more_body": more})
        made.ended.append(scope["path"])

    config = uvicorn.Config(
        app, http=BoundedHttpProtocol, ws="none", lifespan="off", log_config=None,
        timeout_keep_alive=5, timeout_graceful_shutdown=1,
    )  # fmt: skip
    server = uvicorn.Server(config)
    with contextlib.ExitStack() as signals:
        signals.callback(listener.close)
        running = asyncio.create_task(server.serve([listener]))
        async with asyncio.timeout(WAIT_SECONDS):
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
        yield made
        for writer in made.writers:
            writer.close()
        server.should_exit = True
        async with asyncio.timeout(WAIT_SECONDS):
            await running


async def test_a_connection_that_says_nothing_is_closed(served: Served) -> None:
    assert await served.ask(b"") == b""


@pytest.mark.parametrize("text", [b"GET / HT", b"GET / HTTP/1.1\r\nHost: a\r\nX: y"])
async def test_a_header_that_does_not_end_in_time_is_a_408(served: Served, text: bytes) -> None:
    reply = await served.ask(text)
    head, _, body = reply.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 408 ")
    assert b"access-control-allow-origin: *" in head
    assert json.loads(body)["code"] == 408


async def test_a_header_that_drips_is_a_408(served: Served) -> None:
    reader, writer = await served.connect()

    async def drip() -> None:
        writer.write(b"GET / HTTP/1.1\r\n")
        while True:
            writer.write(b"X: y\r\n")
            await asyncio.sleep(0.05)

    dripping = asyncio.create_task(drip())
    async with asyncio.timeout(WAIT_SECONDS):
        status = await reader.readline()
    dripping.cancel()
    assert status.startswith(b"HTTP/1.1 408 ")


async def test_the_second_header_of_a_connection_is_bounded_too(served: Served) -> None:
    reply = await served.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /second HTT")
    assert reply.startswith(b"HTTP/1.1 200 ")
    assert b"\r\n\r\n{}HTTP/1.1 408 " in reply


async def test_empty_lines_keep_no_connection_open(served: Served) -> None:
    reply = await served.ask(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n\r\n")
    assert reply.count(b"HTTP/1.1") == 1


async def test_a_reader_that_takes_nothing_is_left(served: Served) -> None:
    with socket.socket() as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(peer, ("127.0.0.1", served.port))
        await loop.sock_sendall(peer, b"GET /big HTTP/1.1\r\nHost: a\r\n\r\n")
        async with asyncio.timeout(WAIT_SECONDS):
            while served.ended != ["/big"]:  # noqa: ASYNC110 - it ends without a word to us
                await asyncio.sleep(0.01)
            taken = 0
            with contextlib.suppress(ConnectionError):
                while piece := await loop.sock_recv(peer, 1 << 16):
                    taken += len(piece)
    assert taken < BIG


async def test_a_steady_reader_gets_everything(served: Served) -> None:
    reply = await served.ask(b"GET /big HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert len(reply.partition(b"\r\n\r\n")[2]) == BIG


async def test_a_stream_to_http_1_0_has_no_chunks_and_ends_by_closing(served: Served) -> None:
    reply = await served.ask(b"GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    head, _, body = reply.partition(b"\r\n\r\n")
    assert body == b"data: 1\n\ndata: 2\n\n"
    assert b"transfer-encoding" not in head
    assert b"\r\nconnection: close" in head
    reply = await served.ask(b"GET / HTTP/1.0\r\n\r\n")
    assert b"\r\ncontent-length: 2\r\n" in reply
    assert reply.endswith(b"\r\n\r\n{}")
    reply = await served.ask(b"HEAD /stream HTTP/1.0\r\n\r\n")
    assert reply.endswith(b"connection: close\r\n\r\n")


async def test_a_stream_to_http_1_1_comes_in_chunks(served: Served) -> None:
    reply = await served.ask(b"GET /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    head, _, body = reply.partition(b"\r\n\r\n")
    assert b"\r\ntransfer-encoding: chunked" in head
    assert body == b"9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n"


@pytest.mark.parametrize("length", [b"Content-Length: 6000000", b"Transfer-Encoding: chunked"])
async def test_a_reply_before_the_end_of_a_body_is_not_lost(served: Served, length: bytes) -> None:
    reader, writer = await served.connect()
    writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" + length + b"\r\n\r\n")
    async with asyncio.timeout(WAIT_SECONDS):
        for _ in range(90):  # what the peer takes of it; a connection that is gone would raise
            writer.write(b"10000\r\n" + b" " * 65536 + b"\r\n")
            await writer.drain()
        reply = await reader.read()
    assert reply.startswith(b"HTTP/1.1 200 ")
    assert reply.endswith(b"{}")


async def test_a_body_without_end_is_left(served: Served) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 6000000\r\n\r\n"
    reader, writer = await served.connect()

    async def drip() -> None:
        while True:
            writer.write(b" " * 1000)
            await writer.drain()
            await asyncio.sleep(0.01)

    writer.write(head)
    async with asyncio.timeout(WAIT_SECONDS):
        assert (await reader.read()).startswith(b"HTTP/1.1 200 ")
        with pytest.raises(ConnectionError):
            await drip()


GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> int:
    """A bound on connections that tests can reach, and peers that no timer closes."""
    monkeypatch.setattr(protocol, "HEAD_SECONDS", WAIT_SECONDS)
    monkeypatch.setattr(protocol, "CONNECTIONS_MAX", 3)
    return 3


async def answered(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The status line of one reply over a connection that stays."""
    writer.write(GET)
    async with asyncio.timeout(WAIT_SECONDS):
        status = await reader.readline()
        await reader.readuntil(b"{}")
    return status


@pytest.mark.parametrize("sent", [b"", GET, b"GET / HTT", GET + b"GET / HTT"])
async def test_idle_connections_make_room_for_a_request(
    served: Served, few: int, sent: bytes
) -> None:
    idle = [await served.connect() for _ in range(few)]
    for reader, writer in idle:
        writer.write(sent)
        if GET in sent:
            await reader.readuntil(b"{}")
    for _ in range(2 * few):  # each has its own, as probes have
        reader, writer = await served.connect()
        idle.append((reader, writer))
        assert (await answered(reader, writer)).startswith(b"HTTP/1.1 200 ")
    async with asyncio.timeout(WAIT_SECONDS):
        for reader, _ in idle[:-few]:
            assert await reader.read() == b""


async def test_the_connection_that_is_idle_for_longest_goes_first(served: Served, few: int) -> None:
    first, second, third = [await served.connect() for _ in range(few)]
    for peer in (second, third, first):
        assert (await answered(*peer)).startswith(b"HTTP/1.1 200 ")
    fourth = await served.connect()
    assert (await answered(*fourth)).startswith(b"HTTP/1.1 200 ")
    async with asyncio.timeout(WAIT_SECONDS):
        assert await second[0].read() == b""
    for peer in (first, third, fourth):
        assert (await answered(*peer)).startswith(b"HTTP/1.1 200 ")


async def test_many_connections_at_once_stay_within_the_bound(served: Served, few: int) -> None:
    peers = await asyncio.gather(*(served.connect() for _ in range(10 * few)))
    async with asyncio.timeout(WAIT_SECONDS):
        ends = [asyncio.create_task(reader.read()) for reader, _ in peers]
        for _ in range(len(peers) - few):
            done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
            ends = [end for end in ends if end not in done]
            if len(ends) <= few:
                break
    assert len(ends) == few
    for end in ends:
        end.cancel()


async def test_connections_are_refused_where_none_is_idle(served: Served, few: int) -> None:
    busy = [await served.connect() for _ in range(few)]
    for _, writer in busy:
        writer.write(GET.replace(b"/ ", b"/held ", 1))
    async with asyncio.timeout(WAIT_SECONDS):
        while len(served.begun) < few:  # noqa: ASYNC110 - it begins without a word to us
            await asyncio.sleep(0.01)
    reply = await served.ask(b"")
    assert reply.startswith(b"HTTP/1.1 503 ")
    assert b"access-control-allow-origin: *" in reply
    served.release.set()
    async with asyncio.timeout(WAIT_SECONDS):
        for reader, _ in busy:
            assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
