"""A request's JSON body, read within bounds whatever its Content-Type says.

Values come out as the Kubernetes API server would give them back, so that a build key computed
here equals one computed from the stored CompileJob: whole numbers are ints, all within the range
that every JSON reader keeps exactly (https://www.rfc-editor.org/rfc/rfc8259#section-6).
"""

import asyncio
import json
import math
from typing import Any, NoReturn

from starlette.requests import Request

from qmk_api.errors import ApiError

INTEGER_MAX = 2**53 - 1
SECONDS_MAX = 30
#: Arrays and objects inside one another. A keymap's macros, the deepest, take half of that.
DEPTH_MAX = 32
#: Above this many bytes, reading JSON would hold up every other request of the process.
_INLINE_BYTES_MAX = 64 * 1024


async def read_json(request: Request, bytes_max: int) -> Any:
    """Read and parse the body.

    Raises:
        ApiError: 413 too large, 408 too slow, 415 compressed, 400 not JSON in UTF-8.
    """
    raw = await read_bytes(request, bytes_max)
    if len(raw) > _INLINE_BYTES_MAX:
        return await asyncio.to_thread(parse_json, raw)
    return parse_json(raw)


def parse_json(raw: bytes) -> Any:
    """Parse strict JSON in UTF-8.

    Raises:
        ApiError: 400, with what is wrong.
    """
    try:
        value = json.loads(
            raw.decode("utf-8-sig"),
            parse_int=_integer,
            parse_float=_number,
            parse_constant=_no_constant,
        )
        if b"\\u" in raw:  # half of a surrogate pair is no text
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeError as error:
        raise ApiError(400, "Invalid JSON data: the body is not UTF-8 text") from error
    except RecursionError as error:
        raise ApiError(400, "Invalid JSON data: nested too deeply") from error
    except ValueError as error:
        raise ApiError(400, f"Invalid JSON data: {error}") from error
    _check_depth(value)
    return value


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEPTH_MAX + 1):
        containers = [item for item in level if isinstance(item, dict | list)]
        if not containers:
            return
        level = [
            item
            for container in containers
            for item in (container.values() if isinstance(container, dict) else container)
        ]
    raise ApiError(400, "Invalid JSON data: nested too deeply")


async def read_bytes(request: Request, bytes_max: int) -> bytes:
    """Read the body as it was sent.

    Raises:
        ApiError: 413 too large, 408 too slow, 415 compressed.
    """
    coding = request.headers.get("content-encoding", "identity")
    if coding.strip().lower() not in ("", "identity"):
        raise ApiError(415, "the body must not be compressed")
    too_large = ApiError(413, f"the body is larger than {bytes_max} bytes")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > bytes_max:
        raise too_large
    raw = bytearray()
    try:
        async with asyncio.timeout(SECONDS_MAX):
            async for chunk in request.stream():
                raw += chunk
                if len(raw) > bytes_max:
                    raise too_large
    except TimeoutError as error:
        raise ApiError(408, f"the body did not arrive within {SECONDS_MAX} s") from error
    return bytes(raw)


def _integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > INTEGER_MAX:
        raise ValueError(f"number out of range: {text[:20]}")
    return int(text)


def _number(text: str) -> int | float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"number out of range: {text[:20]}")
    if not value.is_integer():
        return value
    if abs(value) > INTEGER_MAX:
        raise ValueError(f"number out of range: {text[:20]}")
    return int(value)


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON number")
