"""The reply to what no application sees: JSON open to any origin, like every other error."""

from collections.abc import Sequence

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from qmk_api.errors import error_body, may_be_poll
from qmk_api.serving.cors import ALLOWED


def refusal(
    code: int,
    message: str,
    defaults: Sequence[tuple[bytes, bytes]],
    *,
    method: bytes,
    target: bytes,
    whole: bool,
) -> bytes:
    """A whole reply, with the server's header fields ``defaults``.

    ``method`` and ``target`` are empty where they are not known; the target may go on where it is
    not ``whole``.
    """
    body = error_body(code, message, poll=may_be_poll(target, whole=whole))
    headers = [
        *defaults,
        *ALLOWED,
        (b"cache-control", b"no-store"),
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    lines = [name + b": " + value + b"\r\n" for name, value in headers]
    shown = b"" if method == b"HEAD" else body
    return b"".join([STATUS_LINE[code], *lines, b"\r\n", shown])
