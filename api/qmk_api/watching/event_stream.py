"""The reply to one watcher: events as they happen, until the build ends or the watcher leaves."""

import asyncio
import contextlib

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from qmk_api.compiling.states import State
from qmk_api.watching.broadcast import Broadcast
from qmk_api.watching.events import PING
from qmk_api.watching.topic import Topic, Watcher

#: Proxies and clients take a connection for dead that is silent for longer than some 30 seconds.
PING_SECONDS = 15.0
#: A watcher that takes nothing for this long is given up.
SEND_SECONDS = 30.0
#: What is handed to the server at a time, so that little of it waits for slow watchers.
CHUNK_BYTES = 32 * 1024
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class EventStream(Response):
    """Server-sent events of one build.

    Raises, when it is sent:
        Unavailable: this process has as many watchers as it can take.
    """

    media_type = "text/event-stream"

    def __init__(self, broadcast: Broadcast, watcher: Watcher, state: State) -> None:
        self.status_code = 200
        self.background = None
        self.init_headers(_HEADERS)
        self._broadcast = broadcast
        self._watcher = watcher
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._broadcast.watch(self._watcher.job_id.key, self._state) as topic:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            with contextlib.suppress(TimeoutError):
                if scope["method"] != "HEAD":
                    await self._stream(topic, receive, send)
                await _send(send, b"", more=False)

    async def _stream(self, topic: Topic, receive: Receive, send: Send) -> None:
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            while True:
                changed = topic.changed
                while event := topic.next_event(self._watcher):
                    await _send(send, event)
                    if self._watcher.done or gone.done():
                        return
                done, _ = await asyncio.wait(
                    (gone, changed), timeout=PING_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                if gone in done:
                    return
                if not done:
                    await _send(send, PING)
        finally:
            gone.cancel()


async def _send(send: Send, content: bytes, *, more: bool = True) -> None:
    """Raises TimeoutError where the watcher takes nothing."""
    for start in range(0, max(1, len(content)), CHUNK_BYTES):
        body = content[start : start + CHUNK_BYTES]
        async with asyncio.timeout(SEND_SECONDS):
            await send({"type": "http.response.body", "body": body, "more_body": more})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
