"""One log line a request, without the address that it came from."""

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = logging.getLogger(__name__)


class AccessLog:
    """Logs method, path as it was sent, status and milliseconds; probes only when they fail."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note_status)
        finally:
            path = scope.get("raw_path", b"").decode("ascii", "backslashreplace")
            if status != 200 or not path.startswith(("/healthz", "/readyz")):
                milliseconds = (time.perf_counter() - started) * 1000
                log.info("%s %s %d %.1fms", scope["method"], path, status, milliseconds)
