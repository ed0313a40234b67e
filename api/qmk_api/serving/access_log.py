"""One log line a request, without the address that it came from."""

import logging
import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

PATH_BYTES_MAX = 300
_PROBES = ("/healthz", "/readyz")
log = logging.getLogger(__name__)


class AccessLog:
    """Logs method, path as it was sent, status, bytes of the body and milliseconds.

    Probes are logged only when they fail. The query is not logged: it may say who asks.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not log.isEnabledFor(logging.INFO):
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = size = 0

        async def note(message: Message) -> None:
            nonlocal status, size
            if message["type"] == "http.response.body":
                size += len(message.get("body", b""))
            elif message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        path = scope["raw_path"][:PATH_BYTES_MAX].decode("ascii", "backslashreplace")
        try:
            await self._app(scope, receive, note)
        finally:
            if status != 200 or not path.startswith(_PROBES):
                milliseconds = round((time.perf_counter() - started) * 1000, 1)
                fields = {
                    "method": scope["method"],
                    "path": path,
                    "status": status,
                    "bytes": 0 if scope["method"] == "HEAD" else size,
                    "milliseconds": milliseconds,
                }
                log.info("request", extra={"fields": fields})
