"""A request's JSON body, read within bounds whatever its Content-Type says.

Values come out as the Kubernetes API server would give them back, so that a build key computed
here equals one computed from the stored CompileJob: whole numbers are ints. One outside the range
that every JSON reader keeps exactly (https://www.rfc-editor.org/rfc/rfc8259#section-6) becomes
infinite, which whoever has a use for it refuses: clients put anything into fields that nobody
reads.
"""

import asyncio
import contextlib
import json
import math
import re
from collections.abc import AsyncIterator, Callable
from typing import Any, NoReturn, TypeVar

from starlette.requests import Request

from qmk_api.body_room import BodyRoom
from qmk_api.errors import ApiError
from qmk_contract.keymap_values import EXACT_INTEGER_MAX

SECONDS_MAX = 30
#: Arrays and objects inside one another. A keymap's macros, the deepest, take half of that.
DEPTH_MAX = 32
#: Half of a surrogate pair, which is no text: what is left of a name that was cut.
_SURROGATE = re.compile("[\ud800-\udfff]")
_REPLACEMENT = "\ufffd"
T = TypeVar("T")


async def read_json(request: Request, bytes_max: int) -> Any:
    """Read and parse the body.

    Raises:
        ApiError: 413 too large, 408 too slow, 415 compressed, 400 not JSON in UTF-8.
        NoRoom
    """
    return await read_json_as(request, bytes_max, lambda value: value)


async def read_json_as(request: Request, bytes_max: int, read: Callable[[Any], T]) -> T:
    """Read and parse the body, and make of it what ``read`` does: in a thread if it is large.

    Raises:
        ApiError: as of read_json; what ``read`` raises.
        NoRoom
    """
    async with received(request, bytes_max) as raw:
        return await _room(request).work(raw, lambda raw: read(parse_json(raw)))


def parse_json(raw: bytes) -> Any:
    """Parse strict JSON in UTF-8. Halves of surrogate pairs become U+FFFD.

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
    except UnicodeError as error:
        raise ApiError(400, "Invalid JSON data: the body is not UTF-8 text") from error
    except RecursionError as error:
        raise ApiError(400, "Invalid JSON data: nested too deeply") from error
    except ValueError as error:
        raise ApiError(400, f"Invalid JSON data: {error}") from error
    _check_depth(value)
    # UTF-8 has no surrogates: only escapes bring some.
    return _texts(value) if b"\\u" in raw else value


def _texts(value: Any) -> Any:
    if isinstance(value, str):
        return _SURROGATE.sub(_REPLACEMENT, value)
    if isinstance(value, dict):
        return {_texts(name): _texts(item) for name, item in value.items()}
    return [_texts(item) for item in value] if isinstance(value, list) else value


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


@contextlib.asynccontextmanager
async def received(request: Request, bytes_max: int) -> AsyncIterator[bytes]:
    """The body as it was sent. It takes room in the process until the context ends.

    Raises:
        ApiError: 413 too large, 408 too slow, 415 compressed.
        NoRoom
    """
    room = _room(request)
    taken = 0
    raw = bytearray()

    def keep(chunk: bytes) -> None:
        nonlocal taken
        room.take(len(chunk), taken + len(chunk))
        taken += len(chunk)
        raw.extend(chunk)

    try:
        await _receive(request, bytes_max, keep)
        content = bytes(raw)
        raw.clear()
        yield content
    finally:
        room.give_back(taken)


async def discard(request: Request, bytes_max: int) -> None:
    """Read the body and keep nothing of it.

    Raises:
        ApiError: 413 too large, 408 too slow, 415 compressed.
    """
    await _receive(request, bytes_max, lambda chunk: None)


async def _receive(request: Request, bytes_max: int, take: Callable[[bytes], None]) -> None:
    coding = request.headers.get("content-encoding", "identity")
    if coding.strip().lower() not in ("", "identity"):
        raise ApiError(415, "the body must not be compressed")
    too_large = ApiError(413, f"the body is larger than {bytes_max} bytes")
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > bytes_max:
        raise too_large
    count = 0
    try:
        async with asyncio.timeout(SECONDS_MAX):
            async for chunk in request.stream():
                count += len(chunk)
                if count > bytes_max:
                    raise too_large
                take(chunk)
    except TimeoutError as error:
        raise ApiError(408, f"the body did not arrive within {SECONDS_MAX} s") from error


def _room(request: Request) -> BodyRoom:
    room: BodyRoom = request.app.state.services.body_room
    return room


def _integer(text: str) -> int | float:
    # Longer ones could be costly to read.
    return _exact(int(text)) if len(text) <= 17 else math.inf


def _number(text: str) -> int | float:
    value = float(text)
    return _exact(int(value)) if value.is_integer() else value


def _exact(value: int) -> int | float:
    return value if abs(value) <= EXACT_INTEGER_MAX else math.inf


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON number")
