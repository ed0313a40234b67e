"""Replies beside an operation's usual one, as OpenAPI tells them."""

from typing import Any

from qmk_api.openapi.schemas import Error

Replies = dict[int | str, dict[str, Any]]
_JSON = "application/json"
_SECONDS = {"Retry-After": {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds"}}
_TAG = {"ETag": {"schema": {"type": "string"}, "description": "Names these bytes."}}
BYTES = {"type": "string", "format": "binary"}
NAMED = {
    "Content-Disposition": {"schema": {"type": "string"}, "description": "Has the file's name."},
    "Accept-Ranges": {"schema": {"type": "string", "const": "bytes"}},
    **_TAG,
}
_RANGE = {
    "Content-Range": {"schema": {"type": "string", "pattern": "^bytes [0-9]+-[0-9]+/[0-9]+$"}}
}
#: What codes mean here, and a message of each.
_CODES = {
    400: ("The request is not as it must be.", "Invalid or missing keys: layout"),
    403: ("The signature is wrong, or nothing is configured.", "webhooks are not configured"),
    404: ("There is no such thing.", "Compile job not found"),
    406: ("The caller takes no coding that there is.", "this page is to be had as it is"),
    408: ("The body did not arrive in time.", "the body did not arrive within 30 s"),
    409: ("It was taken already.", "delivery 72d3162e was taken already"),
    405: (
        "The page does not know the method; Allow names those that it knows.",
        "Method Not Allowed",
    ),
    412: ("It is not what If-Match names.", "this is not the file that If-Match names"),
    413: ("The body is too large.", "the body is larger than 1048576 bytes"),
    415: ("The body is in no form that is taken.", "the body must not be compressed"),
    414: ("The address is too long.", "the request target is longer than 8192 bytes"),
    416: ("The range lies behind the end.", "the range lies outside of the file"),
    422: ("It is understood, and has no meaning.", "layer 1 has 5 keys, LAYOUT has 6"),
    431: ("The header is too large.", "the header is larger than 65536 bytes"),
    429: ("More than this client's share, or the queue is full.", "the queue is full"),
    500: ("A fault of ours; it is logged.", "internal error"),
    503: ("Something is away for now.", "storage is unavailable, try again shortly"),
}
_HEADERS: dict[int, dict[str, Any]] = {
    416: {"Content-Range": {"schema": {"type": "string", "pattern": r"^bytes \*/[0-9]+$"}}},
    429: _SECONDS,
    503: _SECONDS,
}


def _error(code: int) -> dict[str, Any]:
    description, message = _CODES[code]
    return {
        "model": Error,
        "description": description,
        "content": {_JSON: {"example": {"code": code, "message": message}}},
        **({"headers": _HEADERS[code]} if code in _HEADERS else {}),
    }


def errors(*codes: int) -> Replies:
    """Errors that a route answers with."""
    return {code: _error(code) for code in codes}


#: Every operation may answer with these.
ERRORS: Replies = errors(400, 405, 408, 414, 431, 500, 503)
MOVED: Replies = {
    302: {
        "description": "It is where Location says.",
        "headers": {"Location": {"schema": {"type": "string", "format": "uri"}}},
    }
}
UNCHANGED: Replies = {
    304: {"description": "It is what If-None-Match names, still.", "headers": _TAG}
}


def file_of(
    media_type: str, schema: dict[str, Any] = BYTES, headers: dict[str, Any] = NAMED
) -> Replies:
    """A file that can be had in parts."""
    content = {media_type: {"schema": schema}}
    return {
        200: {"content": content, "description": "The file.", "headers": headers},
        206: {
            "content": content,
            "description": "The part of the file that Range asks for.",
            "headers": headers | _RANGE,
        },
        **UNCHANGED,
        **errors(404, 412, 416),
    }
