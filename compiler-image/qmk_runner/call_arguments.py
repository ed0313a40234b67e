"""The arguments of a call in C: which one a place is in, and where each begins. Pure.

The text is read once: a build may have a message for each of its places.
"""

import bisect
import re
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

#: A character of C may be a parenthesis or a comma.
_CHARACTER = re.compile(rb"'(?:\\.|[^'\\])'")
_SIGN = re.compile(rb"[()\[\],]")
_SPACES = re.compile(rb" *")


@dataclass(frozen=True)
class CallArguments:
    """Those that ``text``, without its characters of C, begins with; all places count from 0.

    ``signs`` are the places of its parentheses and commas, ``depths`` and ``numbers`` what depth
    and which argument follows each, ``begins`` where each argument follows its comma.
    """

    text: bytes
    signs: Sequence[int]
    depths: Sequence[int]
    numbers: Sequence[int]
    begins: Sequence[int]

    @classmethod
    def of(cls, text: bytes) -> "CallArguments":
        """``text`` begins behind the parenthesis that opens, and need not end where it closes."""
        plain = _CHARACTER.sub(lambda found: b"0" * len(found[0]), text)
        signs, depths, numbers, begins = array("l"), array("l"), array("l"), array("l", [0])
        depth = 0
        for found in _SIGN.finditer(plain):
            depth += (found[0] in b"([") - (found[0] in b")]")
            if found[0] == b"," and depth == 0:
                begins.append(found.end())
            signs.append(found.start())
            depths.append(depth)
            numbers.append(len(begins) - 1)
        return cls(plain, signs, depths, numbers, begins)

    def at(self, place: int) -> int | None:
        """Which argument a place is in; None if in none of them."""
        if place < 0:
            return None
        last = bisect.bisect_left(self.signs, place) - 1
        depth, number = (self.depths[last], self.numbers[last]) if last >= 0 else (0, 0)
        closes = depth == 0 and self.text[place : place + 1] in (b")", b"}")
        return None if depth < 0 or closes else number

    def begin(self, number: int) -> int | None:
        """The first place of an argument; None if it is empty, or there is none of that number."""
        if number >= len(self.begins):
            return None
        spaces = _SPACES.match(self.text, self.begins[number])
        place = self.begins[number] if spaces is None else spaces.end()
        return None if self.text[place : place + 1] in (b"", b",") else place
