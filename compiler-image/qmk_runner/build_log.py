"""The log of a build: cleaned line by line, kept within bounds, on disk from the first line on."""

import contextlib
import hashlib
from pathlib import Path
from typing import BinaryIO

from qmk_contract.result import Artifact
from qmk_runner import regular_file
from qmk_runner.log_text import Clean

_LINE_BYTES_MAX = 1 << 14

Position = tuple[int, int]
"""Bytes of the log before it: of its first half as kept, of all that came after."""


class BuildLog:
    """Keeps the first and the last half of ``limit_bytes``, and says how much lay between.

    What is kept also goes to ``echo``, the container's own output. Should the container be
    killed, the file at ``path`` has everything up to then but the tail.
    """

    def __init__(self, path: Path, *, limit_bytes: int, clean: Clean, echo: BinaryIO) -> None:
        self._path = path
        self._half = limit_bytes // 2
        self._clean = clean
        self._echo = echo
        self._head = bytearray()
        self._pending = bytearray()
        self._tail = bytearray()
        self._left_out = 0
        regular_file.replace(path, b"")
        self._file = path.open("ab", buffering=0)

    def feed(self, chunk: bytes) -> None:
        """Take output of the build as it comes, whole lines or not."""
        if self._tail:
            self._extend_tail(chunk)
            return
        self._pending += chunk
        begin = len(self._head)
        while (line := self._next_line()) is not None:
            line = self._clean(line) + b"\n"
            if len(self._head) + len(line) > self._half:
                rest = line + bytes(self._pending)
                self._pending.clear()
                self._extend_tail(rest)
                break
            self._head += line
        # At once: a build may write thousands of short lines.
        self._write(bytes(self._head[begin:]))

    def note(self, sentence: str) -> None:
        """Add a line of the runner's own, if the disk has room for it."""
        with contextlib.suppress(OSError, ValueError):  # full, or closed already
            self._end_line()
            self.feed(sentence.encode() + b"\n")

    def position(self) -> Position:
        """Where the next line begins, for ``text``."""
        self._end_line()
        return len(self._head), self._left_out + len(self._tail)

    def text(self, since: Position = (0, 0)) -> str:
        """What is kept from a position on, for those who look for messages in it."""
        self._end_line()
        head, tail = since
        return (self._head[head:] + self._clean_tail(tail)).decode("utf-8", "replace")

    def close(self) -> Artifact:
        """Write the rest, and the file anew as a whole: nobody else's bytes may be in it."""
        try:
            self._end_line()
            rest = self._clean_tail()
            self._write(rest)
        finally:
            self._file.close()
        data = bytes(self._head + rest)
        regular_file.replace(self._path, data)
        return Artifact(size=len(data), sha256=hashlib.sha256(data).hexdigest())

    def _end_line(self) -> None:
        if self._pending or (self._tail and not self._tail.endswith(b"\n")):
            self.feed(b"\n")

    def _next_line(self) -> bytes | None:
        end = self._pending.find(b"\n", 0, _LINE_BYTES_MAX)
        if end < 0 and len(self._pending) < _LINE_BYTES_MAX:
            return None
        line = bytes(self._pending[: end if end >= 0 else _LINE_BYTES_MAX])
        del self._pending[: end + 1 if end >= 0 else _LINE_BYTES_MAX]
        return line

    def _extend_tail(self, chunk: bytes) -> None:
        self._tail += chunk
        if (surplus := len(self._tail) - self._half) > 0:
            self._left_out += surplus
            del self._tail[:surplus]

    def _clean_tail(self, since: int = 0) -> bytes:
        left_out = max(0, self._left_out - since)
        kept = bytes(self._tail[max(0, since - self._left_out) :])
        if not kept:
            return b""
        lines = kept.split(b"\n")
        if left_out and len(lines) > 1:
            lines = lines[1:]
        text = b"\n".join(self._clean(line[:_LINE_BYTES_MAX]) for line in lines)
        if not left_out:
            return text
        return b"[... about %d bytes of output left out here ...]\n" % left_out + text

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._echo.write(data)
        self._echo.flush()
