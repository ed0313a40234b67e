"""Follows the log of one build, from pod to pod, for as long as somebody reads it."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable

from qmk_api.background import Background
from qmk_api.ports import KubernetesUnavailable, PodLogs
from qmk_api.watching.events import log_tag
from qmk_api.watching.numbered_lines import NumberedLines

#: Lines that come within this time are one event.
FLUSH_SECONDS = 0.25
#: Seconds until a log that could not be read, or ended early, is tried again: first, at the most.
RETRY_SECONDS = (0.5, 5.0)
log = logging.getLogger(__name__)


class LogReader:
    """The lines of the newest pod's log. ``notify`` is called when there are new ones.

    A log that cannot be read, because its pod has not started or the kubelet is away, is tried
    again and again: only the end of the build ends that. So is one that has ended, less and less
    often, for a connection may have been lost: a build's result may come minutes after its last
    line. ``sleep`` waits that many seconds.
    """

    def __init__(
        self,
        logs: PodLogs,
        notify: Callable[[], None],
        background: Background,
        *,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        self.pod: str | None = None
        self.lines: NumberedLines | None = None
        self._logs = logs
        self._notify = notify
        self._background = background
        self._sleep = sleep
        self._reading: asyncio.Task[None] | None = None
        self._flushing: asyncio.TimerHandle | None = None
        self._flushed_at = float("-inf")

    @property
    def held_bytes(self) -> int:
        """What the lines take, roughly."""
        return 0 if self.lines is None else self.lines.held_bytes

    def read(self, pod: str | None) -> None:
        """Follow this pod's log from here on, or none; a new pod's is another log."""
        if pod == self.pod:
            return
        self.stop()
        self.pod = pod
        if pod is not None:
            self.lines = NumberedLines(log_tag(pod))
            self._reading = self._background.start(self._read(pod, self.lines))

    def stop(self) -> None:
        """Read no more."""
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        self._cancel_flush()

    def finish(self, content: bytes) -> None:
        """The build has ended, and this is its stored log; empty where none is stored."""
        self.stop()
        if self.lines is None:
            self.lines = NumberedLines.whole(content)
        else:
            self.lines = self.lines.finish(content)

    async def _read(self, pod: str, lines: NumberedLines) -> None:
        pause, pause_max = RETRY_SECONDS
        while True:
            known = lines.total
            lines.begin_again()
            try:
                async with contextlib.aclosing(self._logs.follow(pod)) as chunks:
                    async for chunk in chunks:
                        lines.feed(chunk)
                        self._flush_soon()
            except KubernetesUnavailable as error:
                log.info("log of pod %s: %s (%s)", pod, error, error.__cause__)
            except Exception:
                log.exception("the log of pod %s cannot be read", pod)
            self._flush()
            if lines.total > known:
                pause = RETRY_SECONDS[0]
            await self._sleep(pause)
            pause = min(2 * pause, pause_max)

    def _flush_soon(self) -> None:
        if self._flushing is None:
            due = self._flushed_at + FLUSH_SECONDS
            self._flushing = asyncio.get_running_loop().call_at(due, self._flush)

    def _flush(self) -> None:
        self._cancel_flush()
        self._flushed_at = asyncio.get_running_loop().time()
        if self.lines is not None and self.lines.flush():
            self._notify()

    def _cancel_flush(self) -> None:
        if self._flushing is not None:
            self._flushing.cancel()
            self._flushing = None
