"""The log of a pod by HTTP: what is asked, what is refused, and how the asking ends."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from kubernetes import client

from qmk_api.adapters.pod_logs import KubernetesPodLogs
from qmk_api.ports import KubernetesUnavailable

POD = "k5t7g3xw2pzq4hmn6ycd3rfbae-x7k2p"
WAIT_SECONDS = 5


@dataclass
class ApiServer:
    """Answers with what the test says; an answer without an end is held open."""

    answer: bytes = b""
    requests: list[str] = field(default_factory=list)
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    serving: set[asyncio.Task[None]] = field(default_factory=set)

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.serving.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
                self.asked.set()
                writer.write(self.answer)
        self.hung_up.set()
        writer.close()
        await writer.wait_closed()


@pytest.fixture
async def server() -> ApiServer:
    return ApiServer()


@contextlib.asynccontextmanager
async def logs_of(server: ApiServer, token: str = "") -> AsyncIterator[KubernetesPodLogs]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    configuration = client.Configuration(host=f"http://127.0.0.1:{port}")
    if token:
        configuration.api_key["authorization"] = f"Bearer {token}"
    logs = KubernetesPodLogs(configuration, "qmk")
    try:
        yield logs
    finally:
        await logs.close()
        listening.close()
        async with asyncio.timeout(WAIT_SECONDS):
            await asyncio.gather(*server.serving)


def answer(status: str, content: bytes) -> bytes:
    return b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (
        status.encode(), len(content), content,
    )  # fmt: skip


async def test_only_the_build_container_is_asked_for(server: ApiServer) -> None:
    server.answer = answer("200 OK", b"one\n")
    async with logs_of(server, token="a.b.c") as logs:
        assert await logs.read(POD) == b"one\n"
        assert [chunk async for chunk in logs.follow(POD)] == [b"one\n"]
    read, follow = server.requests
    path = f"GET /api/v1/namespaces/qmk/pods/{POD}/log?container=build"
    assert read.startswith(f"{path}&follow=false&limitBytes=4194304 HTTP/1.1\r\n")
    assert follow.startswith(f"{path}&follow=true&limitBytes=67108864 HTTP/1.1\r\n")
    assert "authorization: bearer a.b.c\r\n" in read.lower()
    assert "accept-encoding: identity\r\n" in follow.lower()


@pytest.mark.parametrize("status", ["400 Bad Request", "401 Unauthorized", "403 Forbidden",
                                    "404 Not Found", "500 Internal Server Error"])  # fmt: skip
async def test_refusal_is_an_outage(server: ApiServer, status: str) -> None:
    server.answer = answer(status, b'{"message": "pods is forbidden: secret detail"}')
    async with logs_of(server) as logs:
        with pytest.raises(KubernetesUnavailable) as raised:
            await logs.read(POD)
        assert "secret" not in str(raised.value)
        async with contextlib.aclosing(logs.follow(POD)) as chunks:
            with pytest.raises(KubernetesUnavailable):
                await anext(chunks)


@pytest.mark.parametrize(
    "pod", ["", "a/../../secrets", "a?b", "-a", "A", "a" * 254, "a\n", "..%2f"]
)
async def test_what_is_no_pods_name_is_not_asked_for(server: ApiServer, pod: str) -> None:
    async with logs_of(server) as logs:
        with pytest.raises(KubernetesUnavailable):
            await logs.read(pod)
    assert server.requests == []


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"])
async def test_a_silent_pods_log_is_left_at_once(server: ApiServer, sent: bytes) -> None:
    server.answer = sent
    async with logs_of(server) as logs:
        reading = asyncio.ensure_future(anext(logs.follow(POD)))
        async with asyncio.timeout(WAIT_SECONDS):
            await server.asked.wait()
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
            await server.hung_up.wait()


async def test_a_cut_connection_is_an_outage(server: ApiServer) -> None:
    server.answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\nzz\r\n"
    async with logs_of(server) as logs, contextlib.aclosing(logs.follow(POD)) as chunks:
        assert await anext(chunks) == b"one\n"
        with pytest.raises(KubernetesUnavailable):
            await anext(chunks)


async def test_nobody_there_is_an_outage() -> None:
    logs = KubernetesPodLogs(client.Configuration(host="http://127.0.0.1:1"), "qmk")
    with pytest.raises(KubernetesUnavailable):
        await logs.read(POD)
    await logs.close()
