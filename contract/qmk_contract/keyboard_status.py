"""status/<keyboard>.json: how the last test of a keyboard's build ended."""

import json
from dataclasses import dataclass, field

from qmk_contract.codec import from_body

#: The last second that a date in a browser can hold
#: (https://tc39.es/ecma262/#sec-time-values-and-time-range).
LAST_SECOND = 8_640_000_000_000


@dataclass(frozen=True)
class KeyboardStatus:
    """``last_tested`` is seconds since 1970, ``message`` what the build printed or why it ended."""

    works: bool
    warnings: bool
    last_tested: int = field(metadata={"name": "last_tested"})
    message: str


def read_status(content: bytes) -> KeyboardStatus:
    """Read a stored status.

    Raises:
        ValueError: the content is none.
    """
    try:
        status = from_body(KeyboardStatus, json.loads(content))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not 0 <= status.last_tested <= LAST_SECOND:
        raise ValueError(f"last_tested is no time: {status.last_tested}")
    return status
