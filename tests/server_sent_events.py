"""Reads server-sent events as a browser's EventSource does."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Event:
    """One event; ``last_id`` is the id that a client would resume with after it."""

    kind: str
    data: Any
    last_id: str
    retry: int | None = None


class EventParser:
    """Takes lines as they come; comments are counted and left out."""

    def __init__(self) -> None:
        self.pings = 0
        self._last_id = ""
        self._fields: dict[str, str] = {}

    def feed(self, line: str) -> Event | None:
        """The event that this line ends."""
        if line.startswith(":"):
            self.pings += 1
        elif line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            known = self._fields.get(name)
            self._fields[name] = value if known is None else f"{known}\n{value}"
        elif self._fields:
            fields, self._fields = self._fields, {}
            self._last_id = fields.get("id", self._last_id)
            retry = int(fields["retry"]) if "retry" in fields else None
            data = json.loads(fields["data"])
            return Event(fields.get("event", "message"), data, self._last_id, retry)
        return None


def parse_events(lines: Iterable[str]) -> Iterator[Event]:
    parser = EventParser()
    for line in lines:
        if (event := parser.feed(line)) is not None:
            yield event


def log_of(events: Iterable[Event]) -> list[str]:
    """The lines that a client shows after these events."""
    lines: list[str] = []
    for event in events:
        if event.kind == "restart":
            lines.clear()
        elif event.kind == "log":
            lines += event.data["lines"]
    return lines
