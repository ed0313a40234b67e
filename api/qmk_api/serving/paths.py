"""A request's path: one spelling for each resource, and none that could mean two things."""

import re
from urllib.parse import unquote_to_bytes

from starlette.types import ASGIApp, Receive, Scope, Send

from qmk_api.errors import error_reply, may_be_poll

PATH_BYTES_MAX = 2048
#: Paths that mean what they say: no escape, no empty or dot segment, no slash at the end.
_PLAIN = re.compile(rb"/(?:[A-Za-z0-9_~-][A-Za-z0-9._~-]*(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*)?")
_ENCODED = re.compile(rb"%(?:2[Ff]|5[Cc]|7[Ff]|[01][0-9A-Fa-f])")
_NOT_ENCODED = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_FORBIDDEN = re.compile(rb"[\x00-\x1f\\\x7f]")
_DOTS = re.compile(rb"(?:^|/)\.\.?(?:/|$)")


class UnfitPathError(ValueError):
    """A path that is refused: a status code, and a sentence for the caller."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class PlainPaths:
    """Brings every path into its one spelling, or refuses it with 400 or 414."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not _is_plain(scope["raw_path"]):
            try:
                path = plain_path(scope["raw_path"])
            except UnfitPathError as unfit:
                # Decoded, it may have a slash more than the path that was meant.
                extra = {"status": "unknown"} if may_be_poll(scope["raw_path"]) else {}
                reply = error_reply(scope["path"], unfit.code, str(unfit), extra=extra)
                await reply(scope, receive, send)
                return
            raw = b"/" + scope["raw_path"].strip(b"/")
            scope = {**scope, "path": path, "raw_path": raw}
        await self._app(scope, receive, send)


def _is_plain(raw: bytes) -> bool:
    return len(raw) <= PATH_BYTES_MAX and _PLAIN.fullmatch(raw) is not None


def plain_path(raw: bytes) -> str:
    """Decode a path. Slashes at its beginning become one, as the predecessor's own links need;
    slashes at its end are left out, so that a client which adds one is served too.

    Raises:
        UnfitPathError: it is too long, no UTF-8, or has an encoded slash, a dot segment, a
            backslash or a control character.
    """
    if len(raw) > PATH_BYTES_MAX:
        raise UnfitPathError(414, f"the path is longer than {PATH_BYTES_MAX} bytes")
    if _NOT_ENCODED.search(raw):
        raise UnfitPathError(400, "the path has a % that encodes nothing")
    decoded = unquote_to_bytes(raw)
    if _ENCODED.search(raw) or _FORBIDDEN.search(decoded):
        raise UnfitPathError(
            400, "the path has a backslash, a control character or an encoded slash"
        )
    if _DOTS.search(decoded):
        raise UnfitPathError(400, "the path has a . or .. segment")
    try:
        text = decoded.decode()
    except UnicodeDecodeError as error:
        raise UnfitPathError(400, "the path is not UTF-8") from error
    return "/" + text.strip("/")
