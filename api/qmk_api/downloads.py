"""A stored object as a download: streamed, named, and closed whatever happens to the client."""

import hashlib

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from qmk_api.ports import StoredObject


class ObjectResponse(StreamingResponse):
    """Streams an object piece by piece; a HEAD request gets its headers alone."""

    def __init__(self, stored: StoredObject, media_type: str, headers: dict[str, str]) -> None:
        super().__init__(stored.chunks(), media_type=media_type, headers=headers)
        self.headers["Content-Length"] = str(stored.size)
        self._stored = stored

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["method"] == "HEAD":
                await Response(headers=dict(self.headers))(scope, receive, send)
            else:
                await super().__call__(scope, receive, send)
        finally:
            self._stored.close()


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
        return Response(status_code=304, headers={"ETag": etag})
    return None


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
