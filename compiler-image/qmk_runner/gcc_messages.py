"""What GCC and the linker say, message by message, with the notes that belong to each. Pure.

Both forms are read: that of avr-gcc 5.4, which quotes source below a message and indents it, and
that of newer ones, which put "12 |" before it. The tree's make puts " | " before all lines, or the
name of the step before the first one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

#: Source that the compiler quotes: a stranger's text, which may look like a message.
_TREES_PREFIX = re.compile(r"^ \| ?(?=\S)")
_QUOTED = re.compile(r"\s|\d+ ?\||\| ")
#: The tree prints what it compiles and what the compiler says on one line, hence no "^".
_MESSAGE = re.compile(
    r"(?:^|\s)(?P<file>[^\s:]+):(?P<line>\d{1,9}):(?:(?P<column>\d{1,9}):)?"
    r" (?P<severity>fatal error|error|warning|note): (?P<text>.+)$"
)
#: Which flag makes an error of a warning is of no use to somebody with a keymap.
_NOISE = re.compile(r" \[-W[\w=+-]+\]$| \((?:not in a|first use in this) function\)")
_PROGRAM = re.compile(r"^(?:cc1|lto1|lto-wrapper|\S*-(?:gcc|ld)): (?:fatal )?error: (?P<text>.+)$")
_LINKER = re.compile(
    r"(?:^|: )(?P<text>undefined reference to .+|multiple definition of [^;]+"
    r"|region \S{1,64} overflowed by \d{1,9} bytes"
    r"|address \S+ of \S+ section \S+ is not within region \S+)"
)
#: From the beginning of a name only: a line may be one name of 16 kB.
_OBJECT = re.compile(r"(?<![^\s:()])(?P<file>[^\s:()]+\.(?:c|h|S|cpp)):(?P<line>\d{1,9})?")


#: Of one message: GCC adds one for each macro that it is within.
_NOTES_MAX = 64


@dataclass(frozen=True)
class Location:
    """A place in a file that the compiler read; line and column count from 1."""

    file: str
    line: int | None = None
    column: int | None = None


@dataclass(frozen=True)
class Note:
    """Something that the compiler adds to a message."""

    text: str
    location: Location


@dataclass(frozen=True)
class Message:
    """An error or a warning. ``location`` is None where none is told."""

    severity: str
    text: str
    location: Location | None = None
    notes: tuple[Note, ...] = ()


def spoken(log: str) -> str:
    """What programs say in a log, without the source text that they quote."""
    lines = (_TREES_PREFIX.sub("", line) for line in log.splitlines())
    return "\n".join(line for line in lines if not _QUOTED.match(line))


def messages(said: str) -> Iterator[Message]:
    """The messages in what programs said, in their order."""
    open_: Message | None = None
    notes: list[Note] = []
    for line in said.splitlines():
        found = _MESSAGE.search(line)
        if found and found["severity"] == "note":
            if len(notes) < _NOTES_MAX:
                notes.append(Note(found["text"], _location(found)))
            continue
        message = _message(found) if found else _of_program(line)
        if message is None:
            continue
        if open_ is not None:
            yield _with(open_, notes)
        open_, notes = message, []
    if open_ is not None:
        yield _with(open_, notes)


def _with(message: Message, notes: list[Note]) -> Message:
    return Message(message.severity, message.text, message.location, tuple(notes))


def _message(found: re.Match[str]) -> Message:
    severity = "warning" if found["severity"] == "warning" else "error"
    return Message(severity, _NOISE.sub("", found["text"]), _location(found))


def _location(found: re.Match[str]) -> Location:
    column = found["column"]
    return Location(
        found["file"].removeprefix("./"), int(found["line"]), int(column) if column else None
    )


def _of_program(line: str) -> Message | None:
    if program := _PROGRAM.match(line):
        return Message("error", program["text"])
    linker = _LINKER.search(line)
    if linker is None:
        return None
    place = _OBJECT.search(line[: linker.start()])
    if place is None:
        return Message("error", linker["text"])
    number = int(place["line"]) if place["line"] else None
    return Message("error", linker["text"], Location(place["file"].removeprefix("./"), number))
