"""Raw data of Keyboard Layout Editor as people copy it: JSON with fewer rules, read to rows.

The editor shows rows without the brackets around them and names without quotes. JSON5
(https://spec.json5.org) allows all that it does.
"""

import re
from typing import Any

import pyjson5

TEXT_BYTES_MAX = 256 * 1024
#: Lists and objects inside one another; the deepest, an item's list of text sizes, takes 5.
DEPTH_MAX = 8
_BEFORE = "[\n"
_NEAR = re.compile(r"near ([0-9]+)")


class KleSyntaxError(ValueError):
    """A text that is no raw data. The text says in which line."""


def read_rows(text: str) -> list[Any]:
    """Parse raw data, with or without the brackets around all rows.

    Raises:
        KleSyntaxError: it is not written as raw data is.
    """
    try:
        # A line of its own ends a comment.
        rows: list[Any] = pyjson5.decode(f"{_BEFORE}{text}\n]", DEPTH_MAX)
    except pyjson5.Json5NestingTooDeep as error:
        raise KleSyntaxError("the raw data is nested too deeply") from error
    except pyjson5.Json5DecoderException as error:
        raise KleSyntaxError(f"the raw data cannot be read{_place(text, error)}") from error
    if len(rows) == 1 and isinstance(rows[0], list) and any(isinstance(i, list) for i in rows[0]):
        return rows[0]
    return rows


def _place(text: str, error: pyjson5.Json5DecoderException) -> str:
    near = _NEAR.search(str(error.args[0]))
    if near is None:
        return ""
    before = text[: max(0, int(near[1]) - len(_BEFORE) - 1)]
    lines = before.split("\n")
    return f" in line {len(lines)}, column {len(lines[-1]) + 1}"
