"""The lines of a build's log, numbered from 0, and encoded once for all who read them."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from qmk_api.watching.events import (
    OTHER_TAG,
    STORED_TAG,
    Cursor,
    gap_event,
    log_event,
    restart_event,
)

#: Text in one event: what a watcher is sent at a time.
BATCH_BYTES = 16 * 1024
#: Text that is kept of a log; as much as is read of a stored one.
KEPT_BYTES_MAX = 4 << 20
#: A line that is longer is told in pieces.
LINE_BYTES_MAX = 64 * 1024


@dataclass(frozen=True)
class _Batch:
    first: int
    lines: tuple[str, ...]
    event: bytes
    size: int


class NumberedLines:
    """A log that grows. Of one that grows too long, the newest lines are kept.

    What is fed can be read after the next flush, so that few events carry many lines.
    """

    def __init__(self, tag: str, *, kept_bytes_max: int = KEPT_BYTES_MAX) -> None:
        self._tag = tag
        self._kept_bytes_max = kept_bytes_max
        self._batches: list[_Batch] = []
        self._size = 0
        self._total = 0
        self._fresh: list[str] = []
        self._partial = b""
        self._skip = 0

    @classmethod
    def whole(cls, text: str, tag: str = STORED_TAG) -> Self:
        """The log of a build that has ended."""
        made = cls(tag)
        made._append(_split(text))
        return made

    def begin_again(self) -> None:
        """What is fed from here on starts with the first line again; known lines are skipped."""
        self._partial = b""
        self._skip = self._total + len(self._fresh)

    def feed(self, chunk: bytes) -> None:
        """Take more of the log as it comes, whole lines or not."""
        *lines, self._partial = (self._partial + chunk).split(b"\n")
        while len(self._partial) > LINE_BYTES_MAX:
            lines.append(self._partial[:LINE_BYTES_MAX])
            self._partial = self._partial[LINE_BYTES_MAX:]
        known = min(self._skip, len(lines))
        self._skip -= known
        self._fresh += [line.decode(errors="replace") for line in lines[known:]]

    def flush(self) -> bool:
        """Let the lines that were fed be read; False if there are none."""
        fresh, self._fresh = self._fresh, []
        self._append(fresh)
        return bool(fresh)

    def finish(self, text: str) -> "NumberedLines":
        """The whole log, now that it is stored: this one, completed, where it fits.

        Without a stored text, what was seen is all there is.
        """
        self.flush()
        lines = _split(text)
        if not lines:
            if self._partial and not self._skip:
                self._append([self._partial.decode(errors="replace")])
            return self
        if any(line != seen for line, seen in zip(lines[self.first :], self.lines(), strict=False)):
            return NumberedLines.whole(text, OTHER_TAG)
        self._append(lines[self._total :])
        return self

    @property
    def first(self) -> int:
        """Number of the oldest line that is kept."""
        return self._batches[0].first if self._batches else self._total

    def lines(self) -> Iterable[str]:
        """All lines that are kept."""
        return (line for batch in self._batches for line in batch.lines)

    def read(self, cursor: Cursor, *, ended: bool) -> bytes:
        """The next event for a watcher, whose cursor moves; empty where there is none yet.

        A watcher may know more lines than this process has read so far: it waits, unless the log
        has ``ended``.
        """
        if cursor.tag != self._tag:
            known = cursor.tag is None or (self._tag == STORED_TAG and cursor.line <= self._total)
            cursor.tag = self._tag
            if not known:
                cursor.line = 0
                return restart_event(self._tag)
        if cursor.line > self._total and ended:
            cursor.line = 0
            return restart_event(self._tag)
        if cursor.line >= self._total:
            return b""
        if cursor.line < self.first:
            missing, cursor.line = self.first - cursor.line, self.first
            return gap_event(self._tag, self.first, missing)
        return self._batch_event(cursor)

    def _batch_event(self, cursor: Cursor) -> bytes:
        at = bisect_right(self._batches, cursor.line, key=lambda batch: batch.first) - 1
        batch = self._batches[at]
        seen = cursor.line - batch.first
        first, cursor.line = cursor.line, batch.first + len(batch.lines)
        return log_event(self._tag, first, batch.lines[seen:]) if seen else batch.event

    def _append(self, lines: list[str]) -> None:
        start = size = 0
        for at, line in enumerate(lines):
            length = len(line) + 1
            if size and size + length > BATCH_BYTES:
                self._add(tuple(lines[start:at]), size)
                start, size = at, 0
            size += length
        if size:
            self._add(tuple(lines[start:]), size)

    def _add(self, lines: tuple[str, ...], size: int) -> None:
        event = log_event(self._tag, self._total, lines)
        self._batches.append(_Batch(self._total, lines, event, size))
        self._total += len(lines)
        self._size += size
        while self._size > self._kept_bytes_max and len(self._batches) > 1:
            self._size -= self._batches.pop(0).size


def _split(text: str) -> list[str]:
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines
