"""A file as a download: streamed, named, resumable, and closed whatever happens to the client."""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Message, Receive, Scope, Send

from qmk_api.byte_range import ByteRange, Unsatisfiable, parse_range
from qmk_api.errors import error_reply

#: How long a client may take no byte before its download, and our connection to S3, end.
SEND_SECONDS = 60.0
#: What a build leaves never changes, and is its caller's own.
CACHED = {"Cache-Control": "private, max-age=3600"}
log = logging.getLogger(__name__)


class Content(Protocol):
    """Something open for reading. ``size`` is in bytes."""

    size: int

    def chunks(self) -> AsyncIterator[bytes]: ...

    def close(self) -> None: ...


class ObjectResponse(StreamingResponse):
    """Streams content piece by piece; a HEAD request gets its headers alone.

    ``send_seconds`` bounds how long the client may take no byte.
    """

    def __init__(
        self,
        content: Content,
        media_type: str,
        headers: dict[str, str],
        status_code: int = 200,
        *,
        send_seconds: float = SEND_SECONDS,
    ) -> None:
        super().__init__(content.chunks(), status_code, headers, media_type)
        self.headers["Content-Length"] = str(content.size)
        self._content = content
        self._send_seconds = send_seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_in_time(message: Message) -> None:
            try:
                async with asyncio.timeout(self._send_seconds):
                    await send(message)
            except TimeoutError as error:
                log.info("%s ended: its client took nothing for a while", scope["path"])
                raise ClientDisconnect from error

        try:
            if scope["method"] == "HEAD":
                await Response(headers=dict(self.headers))(scope, receive, send)
            else:
                await super().__call__(scope, receive, send_in_time)
        finally:
            self._content.close()


async def send_file(
    request: Request,
    media_type: str,
    headers: dict[str, str],
    size: int,
    open_part: Callable[[ByteRange | None], Awaitable[Content]],
) -> Response:
    """A file of ``size`` bytes, or the part of it that the request asks for.

    ``headers`` hold its ETag. Preconditions and ranges are weighed in the order of
    https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2 before anything is opened.
    """
    if reply := unchanged(request, headers):
        return reply
    headers = {**headers, "Accept-Ranges": "bytes"}
    try:
        part = _requested(request, headers["ETag"], size)
    except Unsatisfiable:
        limits = {"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"}
        message = f"the range lies outside of the file, which has {size} bytes"
        return error_reply(request.url.path, 416, message, headers=limits)
    content = await open_part(part)
    if part is None:
        return ObjectResponse(content, media_type, headers)
    headers["Content-Range"] = f"bytes {part}/{size}"
    return ObjectResponse(content, media_type, headers, 206)


def attachment(file_name: str, etag: str | None = None) -> dict[str, str]:
    """Headers of a download. The name's characters are of the allow-list: it needs no escapes
    (https://www.rfc-editor.org/rfc/rfc6266)."""
    headers = {
        "Content-Disposition": f'attachment; filename="{file_name}"',
        "X-Content-Type-Options": "nosniff",
    }
    if etag:
        headers["ETag"] = f'"{etag}"'
    return headers


def unchanged(request: Request, headers: dict[str, str]) -> Response | None:
    """The 304 reply, where the caller has what these headers announce already."""
    etag = headers.get("ETag")
    known = [
        tag.strip().removeprefix("W/")
        for tag in request.headers.get("if-none-match", "").split(",")
    ]
    if etag is not None and (etag in known or known == ["*"]):
        kept = ("ETag", "Cache-Control", "Vary")
        return Response(status_code=304, headers={k: headers[k] for k in kept if k in headers})
    return None


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _requested(request: Request, etag: str, size: int) -> ByteRange | None:
    """The part that is asked for, if it is one of the file as it is now."""
    if request.method != "GET" or request.headers.get("if-range", etag).strip() != etag:
        return None
    return parse_range(request.headers.get("range", ""), size)
