"""The list that a compiler leaves of files it read (gcc's -MMD), in make's syntax. Pure."""

import re
from collections.abc import Sequence

from qmk_runner.workbench import record

_WORD = re.compile(r"(?:\\.|[^\s\\])+")
_UNESCAPE = re.compile(r"\\(.)|\$(\$)")


def parse(text: str, tree: str) -> frozenset[str]:
    """The prerequisites of the first target, as paths relative to the tree where they are in it."""
    rule = text.replace("\\\n", " ").split("\n", 1)[0]
    # "target: file file"; no path has a colon before the one that ends the targets.
    names = _WORD.findall(rule.partition(": ")[2])
    return frozenset(record.relative(_UNESCAPE.sub(r"\1\2", name), tree) for name in names)


def asking(command: Sequence[str]) -> list[str]:
    """A compiler's command that writes nothing but the list, to its standard output."""
    words = ["-M" if word == "-c" else word for word in command]
    at = words.index("-o")
    return words[:at] + words[at + 2 :]


def file_of(command: Sequence[str], output: str) -> str:
    """Where a compiler's command leaves the list: -MF says so, else it is the object's name."""
    if "-MF" in command[:-1]:
        return command[command.index("-MF") + 1]
    return f"{output.rpartition('.')[0]}.d"
