"""A watcher of the API over ports in memory, which takes events one by one, or not."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

from fastapi import FastAPI
from starlette.types import Message

from tests.server_sent_events import Event, EventParser, log_of

WAIT_SECONDS = 5


class Stream:
    """One request for events. ``taking`` is clear while the watcher takes nothing."""

    def __init__(self, app: FastAPI, path: str, query: str, headers: dict[str, str]) -> None:
        self.events: list[Event] = []
        self.status = 0
        self.headers: dict[str, str] = {}
        self.sizes: list[int] = []
        self.ended = False
        self.blocked = False
        self.taking = asyncio.Event()
        self.taking.set()
        self.pings = 0
        self._parser = EventParser()
        self._rest = ""
        self._gone = asyncio.Event()
        self._changed = asyncio.Condition()
        self._asked = False
        self._scope = {
            "type": "http", "method": "GET", "path": path, "raw_path": path.encode(),
            "query_string": query.encode(), "http_version": "1.1", "scheme": "http",
            "headers": [(name.lower().encode(), text.encode()) for name, text in headers.items()],
            "server": ("api", 80), "client": ("127.0.0.1", 1), "root_path": "",
        }  # fmt: skip
        self.task = asyncio.create_task(app(self._scope, self._receive, self._send))
        self.task.add_done_callback(lambda _: asyncio.ensure_future(self._notify()))

    @property
    def log(self) -> list[str]:
        return log_of(self.events)

    def kinds(self) -> list[str]:
        return [event.kind for event in self.events]

    async def wait(self, what: str, there: Callable[[], object]) -> None:
        """Wait for something that this stream has been sent."""
        try:
            async with asyncio.timeout(WAIT_SECONDS), self._changed:
                await self._changed.wait_for(lambda: there() or self.task.done())
        except TimeoutError:
            raise AssertionError(f"{what} did not come; events: {self.events!r}") from None
        assert there(), f"the stream ended before {what}: {self.events!r}"

    async def wait_kind(self, kind: str, count: int = 1) -> Event:
        await self.wait(kind, lambda: self.kinds().count(kind) >= count)
        return [event for event in self.events if event.kind == kind][-1]

    async def wait_log(self, *lines: str) -> None:
        await self.wait(f"the log {lines!r}", lambda: self.log == list(lines))

    def leave(self) -> None:
        self._gone.set()

    async def _receive(self) -> Message:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        self.blocked = not self.taking.is_set()
        await self.taking.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): text.decode() for name, text in message["headers"]}
        else:
            self.sizes.append(len(message.get("body", b"")))
            self._take(message.get("body", b"").decode())
            self.ended = not message.get("more_body", False)
        await self._notify()

    def _take(self, text: str) -> None:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if (event := self._parser.feed(line)) is not None:
                self.events.append(event)
        self.pings = self._parser.pings

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


@contextlib.asynccontextmanager
async def watching(
    app: FastAPI, job_id: str, *, last_id: str = "", query: str = "", address: str = ""
) -> AsyncIterator[Stream]:
    """Watch a job, from an ``address`` that a proxy tells; leaves at the end of the context."""
    said = {"Last-Event-ID": last_id, "X-Forwarded-For": address}
    headers = {name: text for name, text in said.items() if text}
    stream = Stream(app, f"/v1/compile/{job_id}/events", query, headers)
    try:
        yield stream
    finally:
        stream.leave()
        stream.taking.set()
        async with asyncio.timeout(WAIT_SECONDS):
            await stream.task


async def until(what: str, there: Callable[[], object]) -> None:
    """Wait for something that no stream tells of."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not there():
        assert time.monotonic() < deadline, f"{what} did not come"
        await asyncio.sleep(0.01)
