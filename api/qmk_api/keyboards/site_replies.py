"""Replies with pages of the keyboard site: negotiated, conditional, and sent piece by piece."""

from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from qmk_api.downloading.entity_tags import matching
from qmk_api.errors import error_reply
from qmk_api.keyboards.content_coding import IDENTITY, negotiate
from qmk_api.keyboards.site import Page
from qmk_api.keyboards.site_bodies import CHUNK_BYTES, Bodies, unpack

Headers = list[tuple[bytes, bytes]]
#: Published keyboards reach every browser within two minutes, though most requests end in its
#: cache: past its age a copy is shown at most once more, while it is compared by its tag. When we
#: are away, old keyboards are better than none.
CACHE_CONTROL = b"public, max-age=60, stale-while-revalidate=60, stale-if-error=86400"
_ALWAYS: Headers = [
    (b"cache-control", CACHE_CONTROL),
    (b"vary", b"Accept-Encoding"),
    (b"x-content-type-options", b"nosniff"),
]


class PageResponse(Response):
    """A page as a route's reply."""

    def __init__(self, bodies: Bodies, page: Page) -> None:
        super().__init__()
        self._bodies = bodies
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send_page(self._bodies, self._page, scope, receive, send)


async def send_page(bodies: Bodies, page: Page, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a GET or HEAD with the coding that the caller prefers, or 304 if it has the page.

    Raises:
        StorageUnavailable: before anything was sent.
    """
    codings = bodies.codings(page)
    coding = negotiate(_header(scope, b"accept-encoding"), codings)
    if coding is None:
        message = f"this page is to be had as it is, or as {' or '.join(codings)}"
        reply = error_reply(scope["path"], 406, message, headers={"Vary": "Accept-Encoding"})
        await reply(scope, receive, send)
        return
    tags = [_tag(page, each) for each in (coding, IDENTITY, *codings)]
    known = _header(scope, b"if-none-match")
    if known is not None and (tag := matching(known, tags)):
        await send(_start(304, [(b"etag", tag.encode())]))
        await send(_piece(b""))
        return
    unpacked = coding == IDENTITY and bodies.too_large(page)
    body = await bodies.get(page, "gzip" if unpacked else coding)
    headers: Headers = [
        (b"content-type", page.media_type.encode()),
        (b"content-length", str(page.file.size if unpacked else len(body)).encode()),
        (b"etag", tags[0].encode()),
    ]
    if coding != IDENTITY:
        headers.append((b"content-encoding", coding.encode()))
    if scope["method"] == "HEAD":
        await send(_start(200, headers))
        await send(_piece(b""))
    elif unpacked:
        stream = StreamingResponse(unpack(body))
        stream.raw_headers = [*headers, *_ALWAYS]
        await stream(scope, receive, send)
    else:
        await send(_start(200, headers))
        await _send_body(body, send)


async def _send_body(body: bytes, send: Send) -> None:
    """A piece at a time: the server copies what a slow caller has not yet taken."""
    last = max(len(body) - 1, 0) // CHUNK_BYTES
    for number in range(last):
        begin = number * CHUNK_BYTES
        await send(_piece(body[begin : begin + CHUNK_BYTES], more=True))
    await send(_piece(body[last * CHUNK_BYTES :]))


def _tag(page: Page, coding: str) -> str:
    """An entity tag: other bytes, other tag (RFC 9110, section 8.8.3.3)."""
    return f'"{page.tag}"' if coding == IDENTITY else f'"{page.tag}-{coding}"'


def _start(status: int, headers: Headers) -> Message:
    return {"type": "http.response.start", "status": status, "headers": [*headers, *_ALWAYS]}


def _piece(content: bytes, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": content, "more_body": more}


def _header(scope: Scope, name: bytes) -> str | None:
    values = [value for key, value in scope["headers"] if key == name]
    return b",".join(values).decode("latin-1") if values else None
