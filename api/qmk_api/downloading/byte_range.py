"""The Range header: which bytes of a file a caller asks for. Pure.

https://www.rfc-editor.org/rfc/rfc9110#section-14
"""

import re
from dataclasses import dataclass

#: One range of bytes. Longer numbers than any file needs are left to the whole reply.
_SINGLE = re.compile(r"bytes[ \t]*=[ \t]*([0-9]{0,30})-([0-9]{0,30})[ \t]*", re.IGNORECASE)


class Unsatisfiable(Exception):
    """The range lies behind the end of the file, or is empty."""


@dataclass(frozen=True)
class ByteRange:
    """Positions of the first and the last byte."""

    first: int
    last: int

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"


def parse_range(header: str, size: int) -> ByteRange | None:
    """The part of a file of ``size`` bytes; None where the whole is to be sent.

    Several ranges, other units and what is no range are answered with the whole, as the
    specification allows.

    Raises:
        Unsatisfiable
    """
    match = _SINGLE.fullmatch(header.strip(" \t"))
    if match is None or match.groups() == ("", ""):
        return None
    begin, end = match.groups()
    if not begin:
        first, last = max(0, size - int(end)), size - 1
    else:
        first, last = int(begin), min(int(end or size), size - 1)
        if end and int(end) < first:
            return None
    if first >= size:
        raise Unsatisfiable
    return ByteRange(first, last)
