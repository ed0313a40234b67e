"""Objects over HTTP by presigned URL: read into a file, written from memory, tried again.

http.client rather than urllib.request: half the start time, and no proxy or redirect is wanted.
Error texts never carry the URL: whoever reads the log could use it.
"""

import errno
import hashlib
import http.client
import time
from collections.abc import Callable
from typing import BinaryIO, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")

SOCKET_SECONDS = 10.0
#: The volume takes no more, whichever limit says so.
DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_CHUNK_BYTES = 1 << 18
_FIRST_DELAY_SECONDS = 0.1
_LONGEST_DELAY_SECONDS = 3.0
#: Answers that another try will not change. 403 is not one: a store that has just started
#: may not know its keys yet.
_FINAL_STATUSES = frozenset({404, 405, 410, 411, 413})


class TransferError(Exception):
    """One try failed; ``final`` if another would fail the same way."""

    def __init__(self, message: str, *, final: bool = False) -> None:
        super().__init__(message)
        self.final = final


class OtherObjectError(TransferError):
    """Storage gave something, and it is not what it should be."""


def retry(
    attempt: Callable[[], T],
    *,
    deadline: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Call ``attempt`` until it succeeds, with growing pauses; ``deadline`` is in clock time.

    Raises:
        TransferError: the last failure, when it was final or the next try would be too late.
    """
    delay = _FIRST_DELAY_SECONDS
    while True:
        try:
            return attempt()
        except TransferError as error:
            if error.final or clock() + delay >= deadline:
                raise
        sleep(delay)
        delay = min(2 * delay, _LONGEST_DELAY_SECONDS)


def get(url: str, sink: BinaryIO, *, size_max: int, deadline: float) -> tuple[int, str]:
    """Write an object to ``sink``; return its size and SHA-256 in hexadecimal.

    Raises:
        TransferError: no connection, a status that is no success, cut short, too large or slow.
        OSError: the disk is full.
    """
    digest = hashlib.sha256()
    size = 0
    connection, target = _connect(url, deadline)
    try:
        connection.request("GET", target)
        with connection.getresponse() as response:
            _check_status(response)
            while chunk := response.read1(_CHUNK_BYTES):
                size += len(chunk)
                if size > size_max:
                    raise OtherObjectError(f"it is larger than {size_max} bytes", final=True)
                if time.monotonic() > deadline:
                    raise TransferError("it took too long")
                digest.update(chunk)
                sink.write(chunk)
            if response.length:
                raise TransferError("it was cut short")
    except http.client.HTTPException as error:
        raise TransferError(f"the answer was not HTTP: {type(error).__name__}") from error
    except OSError as error:
        if error.errno in DISK_FULL:
            raise
        raise TransferError(str(error) or type(error).__name__) from error
    finally:
        connection.close()
    return size, digest.hexdigest()


def put(url: str, data: bytes, *, content_type: str, deadline: float) -> None:
    """Store an object; the URL must be signed for exactly this content type.

    Raises:
        TransferError: it was not stored.
    """
    connection, target = _connect(url, deadline)
    try:
        connection.request("PUT", target, body=data, headers={"Content-Type": content_type})
        with connection.getresponse() as response:
            _check_status(response)
            response.read()
    except (http.client.HTTPException, OSError) as error:
        raise TransferError(str(error) or type(error).__name__) from error
    finally:
        connection.close()


def _connect(url: str, deadline: float) -> tuple[http.client.HTTPConnection, str]:
    parts = urlsplit(url)
    https = parts.scheme == "https"
    kind = http.client.HTTPSConnection if https else http.client.HTTPConnection
    seconds = max(0.1, min(SOCKET_SECONDS, deadline - time.monotonic()))
    connection = kind(parts.hostname or "", parts.port, timeout=seconds)
    try:
        connection.connect()
    except OSError as error:
        # A handshake can fail when the socket is there already.
        connection.close()
        raise TransferError(f"no connection to storage: {error}") from error
    return connection, f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"


def _check_status(response: http.client.HTTPResponse) -> None:
    if not 200 <= response.status < 300:
        status = response.status
        raise TransferError(f"storage answered {status}", final=status in _FINAL_STATUSES)
