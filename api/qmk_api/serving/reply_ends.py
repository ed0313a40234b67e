"""How a reply ends where uvicorn would end it in a way that the peer cannot read."""

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

#: Header fields of requests that have a body.
_FRAMING = (b"content-length", b"transfer-encoding")


def readable(app: ASGIApp, cycle: RequestResponseCycle, linger: Callable[[], None]) -> ASGIApp:
    """The application, with ends of its replies as this request's peer needs them.

    ``linger`` ends a connection whose peer is still sending.
    """
    if cycle.scope["http_version"] == "1.0":
        app = _until_closed(app, cycle)
    if any(name in _FRAMING for name, _ in cycle.scope["headers"]):
        app = _before_body(app, cycle, linger)
    return app


def _until_closed(app: ASGIApp, cycle: RequestResponseCycle) -> ASGIApp:
    """Where a reply has no length, let it end with its connection.

    A client of HTTP/1.0 knows no chunks (RFC 9112, section 6.1), and uvicorn sends them to all.
    """

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        endless = False

        async def send_plain(message: Message) -> None:
            nonlocal endless
            if message["type"] == "http.response.start":
                names = {name.lower() for name, _ in message.get("headers", ())}
                endless = b"content-length" not in names
                if endless:
                    cycle.chunked_encoding = False
            elif endless:
                cycle.expected_content_length = len(message.get("body", b""))
            await send(message)

        await app(scope, receive, send_plain)

    return answer


def _before_body(app: ASGIApp, cycle: RequestResponseCycle, linger: Callable[[], None]) -> ASGIApp:
    """Where the last reply of a connection is over before its request is, call ``linger`` instead
    of closing: what a peer still sends to a closed connection costs it the reply."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_lingering(message: Message) -> None:
            last = message["type"] == "http.response.body" and not message.get("more_body", False)
            early = last and cycle.more_body and not cycle.keep_alive
            if early:
                cycle.keep_alive = True
            await send(message)
            if early:
                linger()

        await app(scope, receive, send_lingering)

    return answer
