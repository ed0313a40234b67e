"""Stores the record of a keyboard that a build left: the record, then the pointer to it.

A build is none the worse for a record that could not be stored: the next one leaves another.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from qmk_contract import artifacts
from qmk_contract.codec import BodyError, from_body, to_body
from qmk_contract.record_pointer import RECORD_BYTES_MAX, RecordPointer
from qmk_runner import regular_file
from qmk_runner.errors import InfrastructureError
from qmk_runner.regular_file import NotRegularError

_POINTER_BYTES_MAX = 4096

Put = Callable[[str, bytes], None]
"""Stores an object by its name; raises InfrastructureError."""


def leave(shared: Path, data: bytes, *, digest: str, keyboard: str) -> None:
    """What ``build`` leaves for ``store``.

    Raises:
        OSError: the disk is full.
    """
    sha256 = hashlib.sha256(data).hexdigest()
    pointer = RecordPointer(digest, keyboard, len(data), sha256, datetime.now(UTC))
    regular_file.replace(shared / artifacts.RECORD, data)
    regular_file.replace(shared / artifacts.RECORD_POINTER, json.dumps(to_body(pointer)).encode())


def store(shared: Path, keyboard: str, put: Put) -> str:
    """Store what is left there of ``keyboard``; returns a sentence that says how it went."""
    try:
        data = regular_file.read(shared / artifacts.RECORD, size_max=RECORD_BYTES_MAX)
        text = regular_file.read(shared / artifacts.RECORD_POINTER, size_max=_POINTER_BYTES_MAX)
        pointer = from_body(RecordPointer, json.loads(text))
    except FileNotFoundError:
        return "The build left no record of its keyboard."
    except (NotRegularError, BodyError, ValueError, RecursionError) as error:
        return f"The keyboard's record is not stored, it cannot be trusted: {error}."
    found = (keyboard, len(data), hashlib.sha256(data).hexdigest())
    if (pointer.keyboard, pointer.size, pointer.sha256) != found:
        return "The keyboard's record is not stored: it is not the one that the build made."
    try:
        put(artifacts.RECORD, data)
        put(artifacts.RECORD_POINTER, text)
    except InfrastructureError as error:
        return f"The keyboard's record is not stored: {error.message}"
    return f"The keyboard's record is stored: {len(data)} bytes."
