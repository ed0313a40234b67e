"""A file as a download: streamed, named, resumable, and closed whatever happens to the client."""

import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from qmk_api.downloading.byte_range import ByteRange, Unsatisfiable, parse_range
from qmk_api.downloading.entity_tags import matching, refused
from qmk_api.errors import ApiError, error_reply
from qmk_api.ports import Artifacts, StorageUnavailable

#: What a build leaves never changes, and is its caller's own.
CACHED = {"Cache-Control": "private, max-age=3600"}


class Content(Protocol):
    """Something open for reading. ``size`` is in bytes."""

    size: int

    def chunks(self) -> AsyncIterator[bytes]: ...

    def close(self) -> None: ...


class ObjectResponse(StreamingResponse):
    """Streams content piece by piece; a HEAD request gets its headers alone."""

    def __init__(
        self,
        content: Content,
        media_type: str,
        headers: dict[str, str],
        status_code: int = 200,
    ) -> None:
        super().__init__(content.chunks(), status_code, headers, media_type)
        self.headers["Content-Length"] = str(content.size)
        self._content = content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["method"] == "HEAD":
                await Response(headers=dict(self.headers))(scope, receive, send)
            else:
                await super().__call__(scope, receive, send)
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

    Raises:
        ApiError: 412, it is not the file that If-Match names.
    """
    if refused(request.headers.get("if-match"), headers["ETag"]):
        raise ApiError(412, "this is not the file that If-Match names")
    if reply := unchanged(request, headers):
        return reply
    headers = {**headers, "Accept-Ranges": "bytes"}
    try:
        part = _requested(request, headers["ETag"], size)
    except Unsatisfiable:
        limits = {"Content-Range": f"bytes */{size}", "Accept-Ranges": "bytes"}
        message = f"the range lies outside of the file, which has {size} bytes"
        return error_reply(request.url.path, 416, message, headers=limits)
    if request.method == "HEAD":
        return Response(None, 200, {**headers, "Content-Length": str(size)}, media_type)
    content = await open_part(part)
    if part is None:
        return ObjectResponse(content, media_type, headers)
    headers["Content-Range"] = f"bytes {part}/{size}"
    return ObjectResponse(content, media_type, headers, 206)


def build_file(
    stored: Artifacts, key: str, size: int
) -> Callable[[ByteRange | None], Awaitable[Content]]:
    """Opens an object of a build, or a part of it, if it is as large as the build's result says.

    What is returned raises ApiError where there is none any more, and StorageUnavailable.
    """

    async def open_part(part: ByteRange | None) -> Content:
        span = None if part is None else (part.first, part.last)
        opened = await stored.open(key, span)
        if opened is None:
            raise ApiError(404, "this file of the job is no longer stored, compile it again")
        if opened.whole != size:
            opened.close()
            raise StorageUnavailable("what is stored is not what the build's result says")
        return opened

    return open_part


def attachment(file_name: str, etag: str) -> dict[str, str]:
    """Headers of a file that a build left. The name's characters are of the allow-list: it needs
    no escapes (https://www.rfc-editor.org/rfc/rfc6266)."""
    return {
        "Content-Disposition": f'attachment; filename="{file_name}"',
        "X-Content-Type-Options": "nosniff",
        "ETag": f'"{etag}"',
        **CACHED,
    }


def unchanged(request: Request, headers: dict[str, str]) -> Response | None:
    """The 304 reply, where the caller has what these headers announce already."""
    if matching(request.headers.get("if-none-match", ""), [headers["ETag"]]) is None:
        return None
    kept = ("ETag", "Cache-Control")
    found = {name: headers[name] for name in kept if name in headers}
    return Response(status_code=304, headers=found)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _requested(request: Request, etag: str, size: int) -> ByteRange | None:
    """The part that is asked for, if it is one of the file as it is now."""
    if request.method != "GET" or request.headers.get("if-range", etag).strip() != etag:
        return None
    return parse_range(request.headers.get("range", ""), size)
