"""What a request's line and header fields must be before an application sees them."""

import re
from collections.abc import Sequence
from http import HTTPMethod

import httptools

VERSIONS = ("1.1", "1.0")
_REQUEST_LINE = re.compile(
    rb"^([A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}) [^ \r\n]+ HTTP/[0-9]\.[0-9]\r?$", re.MULTILINE
)


class UnfitHeadError(ValueError):
    """A head that is refused: a status code, and a sentence for the caller."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def check(version: str, headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Refuse what could be read in two ways, see RFC 9112, sections 3.2 and 6.1.

    Names of ``headers`` are in lower case.

    Raises:
        UnfitHeadError: another version, not exactly one Host (HTTP/1.0 may have none), or a body
            in another coding than ``chunked``.
    """
    if version not in VERSIONS:
        raise UnfitHeadError(400, "this server speaks HTTP/1.1 and HTTP/1.0")
    hosts = sum(name == b"host" for name, _ in headers)
    if hosts > 1 or (hosts == 0 and version != "1.0"):
        raise UnfitHeadError(400, "the request needs exactly one Host header field")
    codings = [value.strip().lower() for name, value in headers if name == b"transfer-encoding"]
    if codings not in ([], [b"chunked"]):
        raise UnfitHeadError(400, "the only transfer coding that is understood is chunked")


def origin_form(target: bytes) -> bytes:
    """The path and query of a target, which may also be a whole URL, or ``*``.

    Raises:
        UnfitHeadError: it is none of these.
    """
    if target.startswith(b"/"):
        return target
    if target == b"*":
        return b"/"
    try:
        parsed = httptools.parse_url(target)
    except httptools.HttpParserInvalidURLError:
        parsed = None
    if parsed is None or parsed.schema is None:
        raise UnfitHeadError(400, "the request target is neither a path nor a URL")
    query = b"" if parsed.query is None else b"?" + parsed.query
    return (parsed.path or b"/") + query


def fault(error: httptools.HttpParserError, data: bytes) -> UnfitHeadError:
    """Why the parser, or a callback of it, stopped in ``data``."""
    if isinstance(error.__context__, UnfitHeadError):
        return error.__context__
    if isinstance(error, httptools.HttpParserInvalidMethodError):
        methods = {line[1] for line in _REQUEST_LINE.finditer(data)}
        if methods - {method.encode() for method in HTTPMethod}:
            return UnfitHeadError(501, "this server does not know the method")
    return UnfitHeadError(400, "the request is not valid HTTP/1.1")
