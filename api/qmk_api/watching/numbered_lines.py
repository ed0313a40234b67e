"""The lines of a build's log, numbered from 0: kept as bytes, made events as they are read."""

import codecs
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from qmk_api.watching.events import (
    BATCH_BYTES,
    OTHER_TAG,
    STORED_TAG,
    Cursor,
    gap_event,
    log_event,
    piece_end,
    restart_event,
)

#: Bytes that are kept of a log while it grows.
KEPT_BYTES_MAX = 4 << 20


@dataclass(frozen=True, slots=True)
class _Block:
    """Lines from number ``first`` on, each with its end, or one piece of a line."""

    first: int
    count: int
    text: bytes | memoryview


class NumberedLines:
    """A log that grows. Of one that grows too long, the newest lines are kept.

    What is fed can be read after the next flush, so that few events carry many lines. ``total``
    counts the lines so far.
    """

    def __init__(self, tag: str, *, kept_bytes_max: int = KEPT_BYTES_MAX) -> None:
        self.total = 0
        self._tag = tag
        self._kept_bytes_max = kept_bytes_max
        self._blocks: list[_Block] = []
        self._kept_bytes = 0
        self._unread = bytearray()
        self._skip = 0
        self._decode = _decoder()
        self._made: tuple[int, bytes] | None = None

    @classmethod
    def whole(cls, content: bytes, tag: str = STORED_TAG) -> Self:
        """The log of a build that has ended, in UTF-8; held as it is, however long."""
        made = cls(tag, kept_bytes_max=len(content))
        made._append(content, shared=True)
        return made

    def begin_again(self) -> None:
        """What is fed from here on starts with the first line again; known lines are skipped."""
        self._unread.clear()
        self._skip = self.total
        self._decode = _decoder()

    def feed(self, chunk: bytes) -> None:
        """Take more of the log as it comes, whole lines or not."""
        self._unread += self._decode.decode(chunk).encode()

    def flush(self) -> bool:
        """Let the lines that were fed be read; False if there are none."""
        before = self.total
        end = self._unread.rfind(b"\n") + 1
        while len(self._unread) - end > BATCH_BYTES:
            end = piece_end(self._unread, end)
        text = bytes(self._unread[:end])
        del self._unread[:end]
        self._append(text)
        return self.total > before

    def finish(self, content: bytes) -> "NumberedLines":
        """The whole log, now that it is stored: under the same name, where it goes on from here.

        Without a stored one, or with one that was cut, what was seen is all there is.
        """
        self.flush()
        if not content:
            if not self._skip:
                self._append(bytes(self._unread))
            return self
        stored = NumberedLines.whole(content, self._tag)
        start = stored._offset(self.first)
        seen = self.text()[: len(content) - start]
        if not content.startswith(seen, start):
            stored._tag = OTHER_TAG
        elif stored.total < self.total:
            return self
        return stored

    @property
    def first(self) -> int:
        """Number of the oldest line that is kept."""
        return self._blocks[0].first if self._blocks else self.total

    @property
    def held_bytes(self) -> int:
        """What this takes, roughly."""
        return self._kept_bytes + (0 if self._made is None else len(self._made[1]))

    def text(self) -> bytes:
        """All lines that are kept."""
        return b"".join(block.text for block in self._blocks)

    def read(self, cursor: Cursor, *, ended: bool) -> bytes:
        """The next event for a watcher, whose cursor moves; empty where there is none yet.

        A watcher may know more lines than this process has read so far: it waits, unless the log
        has ``ended``.
        """
        if cursor.tag != self._tag:
            known = cursor.tag is None or (self._tag == STORED_TAG and cursor.line <= self.total)
            cursor.tag = self._tag
            if not known:
                cursor.line = 0
                return restart_event(self._tag)
        if cursor.line > self.total and ended:
            cursor.line = 0
            return restart_event(self._tag)
        if cursor.line >= self.total:
            return b""
        if cursor.line < self.first:
            missing, cursor.line = self.first - cursor.line, self.first
            return gap_event(self._tag, self.first, missing)
        return self._block_event(cursor)

    def _block_event(self, cursor: Cursor) -> bytes:
        first, block = cursor.line, self._block(cursor.line)
        cursor.line = block.first + block.count
        # Most watchers of a log that grows want the same event: its newest.
        if self._made is None or self._made[0] != first:
            lines = bytes(block.text).removesuffix(b"\n").decode(errors="replace").split("\n")
            self._made = first, log_event(self._tag, first, lines[first - block.first :])
        return self._made[1]

    def _block(self, line: int) -> _Block:
        return self._blocks[bisect_right(self._blocks, line, key=lambda block: block.first) - 1]

    def _offset(self, line: int) -> int:
        """Where a line begins in the text that is kept."""
        if line >= self.total:
            return self._kept_bytes
        block = self._block(line)
        before = sum(len(known.text) for known in self._blocks if known.first < block.first)
        return before + len(block.text) - len(_without(bytes(block.text), line - block.first))

    def _append(self, content: bytes, *, shared: bool = False) -> None:
        """Add lines, as copies or as ``shared`` parts of the content."""
        text = memoryview(content) if shared else content
        for start, end in _cuts(content):
            count = content.count(b"\n", start, end) + (content[end - 1] != ord("\n"))
            known = min(self._skip, count)
            self._skip -= known
            if known == count:
                continue
            part = _without(content[start:end], known) if known else text[start:end]
            self._blocks.append(_Block(self.total, count - known, part))
            self.total += count - known
            self._kept_bytes += len(part)
        while self._kept_bytes > self._kept_bytes_max and len(self._blocks) > 1:
            self._kept_bytes -= len(self._blocks.pop(0).text)


def _cuts(text: bytes) -> Iterator[tuple[int, int]]:
    """Cut into whole lines, BATCH_BYTES at the most, and longer lines into pieces."""
    start = 0
    while start < len(text):
        # The end of a line of just that length does not count.
        end = text.rfind(b"\n", start, start + BATCH_BYTES + 1) + 1 or piece_end(text, start)
        yield start, end
        start = end


def _without(text: bytes, lines: int) -> bytes:
    """What follows after so many lines."""
    return text.split(b"\n", lines)[-1]


def _decoder() -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder("utf-8")(errors="replace")
