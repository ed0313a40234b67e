"""A thousand watchers of one build, by server-sent events: what they cost, how late the last is."""

import asyncio
import hashlib
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from qmk_contract import artifacts
from qmk_contract.result import Artifact
from tests.bench.figures import mebibytes, row
from tests.bench.load_generator import LoadGenerator
from tests.bench.memory import watched
from tests.integration.api_process import ApiSystem, request_body
from tests.integration.played_kubelet import playing_kubelet
from tests.integration.published import upload
from tests.integration.s3_server import BUCKET
from tests.waiting import wait_for

WATCHERS = 1000
CONNECTING_AT_ONCE = 50
LINES = 80
LINE_SECONDS = 0.1
WAIT_SECONDS = 60
_END = b"event: end\n"


class Watcher(asyncio.Protocol):
    """One connection: counts lines of the log, and notes when it was told the end."""

    def __init__(self, request: bytes, lines: Sequence[str]) -> None:
        self.connected = asyncio.get_running_loop().create_future()
        self.told = False
        self.last_line_at = self.ended_at = 0.0
        self._request = request
        self._last = lines[-1].encode()
        self._tail = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        text = self._tail + data
        if not self.connected.done() and b"event: status" in text:
            self.connected.set_result(None)
        if not self.last_line_at and self._last in text:
            self.last_line_at = time.monotonic()
        if not self.ended_at and _END in text:
            self.ended_at = time.monotonic()
        self._tail = text[-len(self._last) - len(_END) :]

    def connection_lost(self, error: Exception | None) -> None:
        if not self.connected.done():
            self.connected.set_exception(error or ConnectionError("closed before any event"))


@contextmanager
def watching(url: str, job_id: str, lines: Sequence[str], count: int) -> Iterator[list[Watcher]]:
    """That many watchers of a job, in a thread of their own, all told its state already."""
    place = urlsplit(url)
    request = (
        f"GET /v1/compile/{job_id}/events HTTP/1.1\r\nHost: {place.netloc}\r\n"
        "Accept: text/event-stream\r\n\r\n"
    ).encode()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def connect() -> list[tuple[asyncio.Transport, Watcher]]:
        free = asyncio.Semaphore(CONNECTING_AT_ONCE)

        async def one() -> tuple[asyncio.Transport, Watcher]:
            async with free:
                transport, watcher = await loop.create_connection(
                    lambda: Watcher(request, lines), str(place.hostname), place.port or 80
                )
                await watcher.connected
                return transport, watcher

        return await asyncio.gather(*(one() for _ in range(count)))

    try:
        connections = asyncio.run_coroutine_threadsafe(connect(), loop).result(WAIT_SECONDS)
        yield [watcher for _, watcher in connections]
        for transport, _ in connections:
            loop.call_soon_threadsafe(transport.close)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def figures(system: ApiSystem, load: LoadGenerator) -> Iterator[str]:
    """Rows of one build that is watched from its start to its end."""
    del load  # watchers wait for events and ask for nothing
    api, namespace = system.apis[0], system.jobs.namespace
    certificates = Path(api.environment["KUBECONFIG"]).parent / "pki"
    lines = [f"Compiling: {number:04} {'.' * 80} [OK]" for number in range(LINES)]
    reply = system.clients[0].post("/v1/compile", json=request_body("KC_W"))
    job_id = str(reply.raise_for_status().json()["job_id"])
    key = job_id.partition(".")[0]
    pod = f"{key}-bench"
    with playing_kubelet(system.jobs.api, namespace, certificates) as kubelet:
        kubelet.add_pod(pod)
        kubelet.print(pod, "")
        system.set_status(key, phase="Running", reason="Building", podName=pod)
        with watched(api.memory_bytes) as memory:
            with watching(api.url, job_id, lines, WATCHERS) as watchers:
                for line in lines:
                    kubelet.print(pod, f"{line}\n")
                    time.sleep(LINE_SECONDS)
                printed = time.monotonic()
                readers = kubelet.reading
                wait_for(
                    "the last line", lambda: all(w.last_line_at for w in watchers),
                    seconds=WAIT_SECONDS, interval=0.01,
                )  # fmt: skip
                _store(system, key, "".join(f"{line}\n" for line in lines))
                stored = time.monotonic()
                wait_for(
                    "the end", lambda: all(w.ended_at for w in watchers),
                    seconds=WAIT_SECONDS, interval=0.01,
                )  # fmt: skip
            last_lines = [watcher.last_line_at - printed + LINE_SECONDS for watcher in watchers]
            yield row(f"{WATCHERS} watchers: told the last line, printed", last_lines)
            ends = [watcher.ended_at - stored for watcher in watchers]
            yield row(f"{WATCHERS} watchers: told the end, result stored", ends)
    yield (
        f"  {readers} reader of the log, {kubelet.opened.count(pod)} request to the kubelet; "
        f"API process at most {mebibytes(memory.most)}, {mebibytes(memory.extra)} of it for them"
    )


def _store(system: ApiSystem, key: str, log: str) -> None:
    content = log.encode()
    system.s3.put_object(Bucket=BUCKET, Key=artifacts.build(key, artifacts.LOG), Body=content)
    upload(system.s3, key, log=Artifact(len(content), hashlib.sha256(content).hexdigest()))
