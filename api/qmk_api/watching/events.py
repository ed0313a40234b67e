"""Server-sent events of a job: the bytes on the wire, and the ids to resume by. Pure.

The format is https://html.spec.whatwg.org/multipage/server-sent-events.html.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

PING = KEEPALIVE_COMMENT
#: Bytes of text in one event: what a watcher is sent at a time. A longer line is told in pieces.
BATCH_BYTES = 16 * 1024
RECONNECT_MILLISECONDS = 1000
#: How an end closes whose output is filled in.
_OUTPUT_END = b'"}}\n\n'
_TAG = r"[a-z0-9]{1,16}"
_EVENT_ID = re.compile(rf"({_TAG}):([0-9]{{1,9}})")
#: The tag of a log that is read from storage: it goes on from any other.
STORED_TAG = "stored"
#: The tag of a stored log that is not what was seen before.
OTHER_TAG = "other"


@dataclass
class Cursor:
    """How far a watcher has read: ``line`` lines of the log called ``tag``; None is of no log."""

    tag: str | None = None
    line: int = 0


def parse_event_id(text: str | None) -> Cursor:
    """Where the watcher stopped that saw this id last; the start where it is none of ours."""
    match = _EVENT_ID.fullmatch(text or "")
    return Cursor(match[1], int(match[2])) if match else Cursor()


def log_tag(pod: str) -> str:
    """What a pod's log is called in ids: the part of its name that no other pod of the job has."""
    tag = pod.rpartition("-")[2]
    return tag if re.fullmatch(_TAG, tag) and tag not in (STORED_TAG, OTHER_TAG) else "pod"


def status_event(reply: Mapping[str, Any]) -> bytes:
    """Where a job is: a poll's reply without its result."""
    return _event("status", {name: value for name, value in reply.items() if name != "result"})


def log_event(tag: str, first: int, lines: Sequence[str]) -> bytes:
    """Lines of the log called ``tag``, from number ``first`` on."""
    return _event("log", {"lines": lines}, event_id=f"{tag}:{first + len(lines)}")


def gap_event(tag: str, first: int, missing: int) -> bytes:
    """A line in place of the ``missing`` ones before number ``first``."""
    note = f"[... {missing} lines left out here ...]"
    return _event("log", {"lines": [note]}, event_id=f"{tag}:{first}")


def restart_event(tag: str) -> bytes:
    """Another log begins: the lines so far count no more."""
    return _event("restart", {}, event_id=f"{tag}:0")


def end_event(reply: Mapping[str, Any]) -> bytes:
    """The job has ended: the whole reply of a poll, but with its ``result.output`` left empty."""
    result = reply.get("result")
    if result is not None:
        # What is to be filled in comes last, so that its place is known.
        reply = _without(reply, "result") | {"result": _without(result, "output") | {"output": ""}}
    return _event("end", reply)


def with_output(event: bytes, output: bytes) -> Iterator[bytes]:
    """An end with the output, UTF-8, filled in. It may be large, so it is made bit by bit."""
    yield event.removesuffix(_OUTPUT_END)
    start = 0
    while start < len(output):
        end = piece_end(output, start)
        yield _json(output[start:end].decode(errors="replace"))[1:-1].encode()
        start = end
    yield _OUTPUT_END


def piece_end(text: bytes | bytearray, start: int) -> int:
    """Where a piece of UTF-8 of at most BATCH_BYTES ends, between characters."""
    end = min(start + BATCH_BYTES, len(text))
    while start < end < len(text) and text[end] & 0xC0 == 0x80:
        end -= 1
    return end


def reconnect_event(cursor: Cursor) -> bytes:
    """This process ends: ask again, and another one goes on from the last line.

    The next request may come to a process that ends as well, and hear nothing but this. So the id
    to go on from is told again: it is not lost on a client that keeps ids for one stream only.
    """
    known = None if cursor.tag is None else f"{cursor.tag}:{cursor.line}"
    return _event("reconnect", {}, event_id=known, retry=RECONNECT_MILLISECONDS)


def _event(
    kind: str, data: Mapping[str, Any], *, event_id: str | None = None, retry: int | None = None
) -> bytes:
    return format_sse_event(data_str=_json(data), event=kind, id=event_id, retry=retry)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _without(data: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {other: value for other, value in data.items() if other != name}
