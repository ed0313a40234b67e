"""The LAYOUT macros in a generated header: which key is at which place. Pure.

``qmk generate-keyboard-h`` names each parameter once, in the order of the keys, and puts it where
the key is in the matrix.
"""

import bisect
import re
from collections.abc import Mapping
from dataclasses import dataclass

_DEFINITION = re.compile(r"#define (?P<name>\w+)\((?P<parameters>[\w, ]*)\)(?P<rest>.*)")
_ROW = re.compile(r"\{([^{}]*)\}")
_NAME = re.compile(r"\w+")


@dataclass(frozen=True)
class Layout:
    """A macro: its first line in the header, from 1, its parameters, and the cells of the matrix.

    ``keys`` are, of each of its lines, where parameters begin and which keys these are.
    """

    first_line: int
    keys: tuple[tuple[tuple[int, int], ...], ...]
    parameters: Mapping[str, int]
    rows: tuple[tuple[str, ...], ...]

    def key_in_matrix(self, row: int, column: int) -> int | None:
        """The key at a place of the matrix; None where there is none."""
        if row >= len(self.rows) or column >= len(self.rows[row]):
            return None
        return self.parameters.get(self.rows[row][column])

    def key_before(self, line: int, column: int) -> int | None:
        """The key whose parameter begins at, or is the last one before, a place in the header."""
        if not self.first_line < line < self.first_line + len(self.keys):
            return None
        keys = self.keys[line - self.first_line]
        before = bisect.bisect_left(keys, column, key=lambda key: key[0])
        return keys[before - 1][1] if before else None


def layouts(header: str) -> dict[str, Layout]:
    """All macros of a header that take keys, by name."""
    lines = header.splitlines()
    found: dict[str, Layout] = {}
    end = -1
    for index, line in enumerate(lines):
        definition = _DEFINITION.match(line) if index > end else None
        if definition is None:
            continue
        end = index
        while lines[end].endswith("\\") and end + 1 < len(lines):
            end += 1
        body = (definition["rest"], *lines[index + 1 : end + 1])
        names = (name.strip() for name in definition["parameters"].split(","))
        parameters = {name: key for key, name in enumerate(names)}
        found[definition["name"]] = Layout(
            index + 1,
            tuple(_keys(text, parameters) for text in lines[index : end + 1]),
            parameters,
            tuple(
                tuple(cell.strip() for cell in row.split(","))
                for row in _ROW.findall(" ".join(body))
            ),
        )
    return found


def _keys(text: str, parameters: Mapping[str, int]) -> tuple[tuple[int, int], ...]:
    return tuple(
        (found.start(), parameters[found[0]])
        for found in _NAME.finditer(text)
        if found[0] in parameters
    )
