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
from qmk_api.serving.server import DrainingServer, listen

WAIT_SECONDS = 10
BIG = 64 << 20


@dataclass
class Served:
    """A server with an application that answers at once, and what became of its replies."""

    port: int
    ended: list[str] = field(default_factory=list)

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def ask(self, text: bytes) -> bytes:
        """Send and read until the peer closes."""
        reader, writer = await self.connect()
        writer.write(text)
        async with asyncio.timeout(WAIT_SECONDS):
            reply = await reader.read()
        writer.close()
        return reply


@pytest.fixture
async def served(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Served]:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.3)
    monkeypatch.setattr(protocol, "STALL_SECONDS", 0.3)
    monkeypatch.setattr(protocol, "LINGER_SECONDS", 0.3)
    listener = listen("127.0.0.1", 0)
    made = Served(listener.getsockname()[1])

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
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
    server = DrainingServer(config, 0)
    with contextlib.ExitStack() as signals:
        signals.callback(listener.close)
        running = asyncio.create_task(server.serve([listener]))
        async with asyncio.timeout(WAIT_SECONDS):
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
                await asyncio.sleep(0.01)
        yield made
        server.stop()
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
    writer.close()
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


async def test_connections_beyond_the_bound_are_told_so(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", WAIT_SECONDS)
    monkeypatch.setattr(protocol, "CONNECTIONS_MAX", 2)
    idle = [await served.connect() for _ in range(2)]
    reply = await served.ask(b"")
    assert reply.startswith(b"HTTP/1.1 503 ")
    assert b"access-control-allow-origin: *" in reply
    for _, writer in idle:
        writer.close()
