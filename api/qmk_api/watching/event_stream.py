"""The reply to one watcher: events as they happen, until the build ends or the watcher leaves."""

import asyncio
import contextlib
from contextlib import AbstractContextManager

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

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
    """Server-sent events of one build, whose topic is open for as long as it is sent.

    Raises, when it is sent, what opening the topic raises.
    """

    media_type = "text/event-stream"

    def __init__(self, opening: AbstractContextManager[Topic], watcher: Watcher) -> None:
        self.status_code = 200
        self.background = None
        self.init_headers(_HEADERS)
        self._opening = opening
        self._watcher = watcher

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._opening as topic:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            with contextlib.suppress(TimeoutError):
                if scope["method"] != "HEAD":
                    await self._stream(topic, receive, send)
                await _send(send, b"", more=False)

    async def _stream(self, topic: Topic, receive: Receive, send: Send) -> None:
        gone = asyncio.ensure_future(_disconnected(receive))
        try:
            while not gone.done():
                changed = topic.changed
                for part in topic.news(self._watcher):
                    await _send(send, part)
                    if gone.done():
                        return
                if self._watcher.done:
                    return
                done, _ = await asyncio.wait(
                    (gone, changed), timeout=PING_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    await _send(send, PING)
        finally:
            gone.cancel()


async def _send(send: Send, content: bytes, *, more: bool = True) -> None:
    """Raises TimeoutError where the watcher takes nothing. Others have their turn in between."""
    for start in range(0, max(1, len(content)), CHUNK_BYTES):
        body = content[start : start + CHUNK_BYTES]
        async with asyncio.timeout(SEND_SECONDS):
            await send({"type": "http.response.body", "body": body, "more_body": more})
        await asyncio.sleep(0)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
