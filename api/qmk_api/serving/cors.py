"""Any page of any origin may call the API: no cookies, no credentials, nothing to steal."""

import re

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_METHODS = "DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT"
#: Header fields of every reply.
ALLOWED = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"*"),
)
_HEADER_NAMES = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~, -]{1,2048}")


class AnyOrigin:
    """Allows all origins on every reply, errors and replies to no origin at all included.

    Starlette's own CORS middleware leaves the header out where a request names no origin, and a
    cache between would then serve that reply to pages too.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_allowed(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *ALLOWED]
            await send(message)

        if scope["method"] == "OPTIONS":
            await _preflight(Headers(scope=scope))(scope, receive, send_allowed)
        else:
            await self._app(scope, receive, send_allowed)


def _preflight(request: Headers) -> Response:
    headers = {"Access-Control-Allow-Methods": _METHODS}
    asked = request.get("access-control-request-headers", "")
    if _HEADER_NAMES.fullmatch(asked):
        headers["Access-Control-Allow-Headers"] = asked
    return Response(status_code=200, headers=headers)
