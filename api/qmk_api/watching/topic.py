"""One build that is watched: looked at once, told to all who watch it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

from qmk_api.background import Background
from qmk_api.compiling.builds import DOCUMENT_BYTES
from qmk_api.compiling.replies import job_reply, no_such_job
from qmk_api.compiling.states import Ended, Open, State, StoredBuild
from qmk_api.ports import PodLogs, Unavailable
from qmk_api.watching.events import (
    Cursor,
    end_event,
    reconnect_event,
    status_event,
    with_output,
)
from qmk_api.watching.log_reader import LogReader
from qmk_contract.build_key import JobId
from qmk_contract.phases import Phase

#: How often a place in the queue is told anew, where nothing else changes.
QUEUE_SECONDS = 1.0
#: Encoded replies that are kept: watchers of one build may have different names for it.
REPLIES_MAX = 4
log = logging.getLogger(__name__)

Find = Callable[[str], Awaitable[State | None]]


class Watcher:
    """How far one watcher has been told, and by which name it knows the job."""

    __slots__ = ("cursor", "done", "job_id", "version")

    def __init__(self, job_id: JobId, cursor: Cursor) -> None:
        self.job_id = job_id
        self.cursor = cursor
        self.version = 0
        self.done = False


class Topic:
    """What is known of one build. ``changed`` is done as soon as there is more."""

    def __init__(
        self,
        key: str,
        state: State,
        find: Find,
        logs: PodLogs,
        external_url: str,
        background: Background,
    ) -> None:
        self.key = key
        self.watchers = 0
        self.over = False
        self.changed = _future()
        self._find = find
        self._external_url = external_url
        self._background = background
        self._log = LogReader(logs, self._notify, background)
        self._state: State | None = None
        self._output: bytes | None = None
        self._output_bytes = 0
        self._version = 0
        self._told_at = 0.0
        self._draining = False
        self._replies: dict[JobId, bytes] = {}
        self._following: asyncio.Task[None] | None = None
        self._take(state)

    @property
    def held_bytes(self) -> int:
        """What this topic takes, roughly."""
        return DOCUMENT_BYTES + self._output_bytes + self._log.held_bytes

    def start(self, interval: Callable[[], float]) -> None:
        """Look at the build every ``interval`` seconds from now on, until it ends."""
        if not self.over:
            self._following = self._background.start(self._follow(interval))

    def stop(self) -> None:
        """Nobody watches any more: nothing is asked and nothing is read from here on."""
        if self._following is not None:
            self._following.cancel()
        self._log.stop()

    def drain(self) -> None:
        """Send the watchers of a build that goes on to another process."""
        if not self.over and not self._draining:
            self._draining = True
            self.stop()
            self._notify()

    def news(self, watcher: Watcher) -> Iterator[bytes]:
        """All that the watcher is to be told now, piece by piece. Where that was the last, the
        watcher is ``done``.
        """
        while event := self._next_event(watcher):
            yield event
        if self.over:
            yield from self._end_event(watcher.job_id)
        elif self._draining:
            yield reconnect_event(watcher.cursor)
        watcher.done = self.over or self._draining

    def printed(self, pod: str) -> bytes | None:
        """What a pod has printed so far, if it is that pod's log that is read here."""
        lines = self._log.lines if pod == self._log.pod else None
        return None if lines is None else lines.text()

    def _next_event(self, watcher: Watcher) -> bytes:
        """What is to be told before the stream's end; empty where that is not there yet."""
        if watcher.version != self._version and not self.over:
            watcher.version = self._version
            return self._reply_event(watcher.job_id)
        lines = self._log.lines
        return b"" if lines is None else lines.read(watcher.cursor, ended=self.over)

    def _end_event(self, job_id: JobId) -> Iterator[bytes]:
        event = self._reply_event(job_id)
        return iter((event,)) if self._output is None else with_output(event, self._output)

    async def _follow(self, interval: Callable[[], float]) -> None:
        while not self.over:
            await asyncio.sleep(interval())
            try:
                self._take(await self._find(self.key))
            except Unavailable:
                continue
            except Exception:
                log.exception("build %s cannot be followed", self.key)

    def _take(self, state: State | None) -> None:
        now = asyncio.get_running_loop().time()
        if isinstance(state, Open):
            begun = state.phase in (Phase.STARTING, Phase.RUNNING)
            self._log.read(state.job.status.pod_name if begun else None)
            if not self._is_news(state, now):
                return
        else:
            state = self._end(state)
        self._state, self._told_at = state, now
        self._version += 1
        self._replies.clear()
        self._notify()

    def _end(self, state: StoredBuild | Ended | None) -> StoredBuild | Ended | None:
        """Take in a build's end. Its log is kept once, for its lines and its output alike."""
        self.over = True
        log_text = b"" if state is None else state.log.encode()
        self._log.finish(log_text)
        if state is None:
            return None
        reply = job_reply(JobId(self.key, None), state, self._external_url)
        if (output := reply["result"]["output"]) == state.log:
            self._output = log_text
        else:
            self._output = output.encode()
            self._output_bytes = len(self._output)
        return replace(state, log="")

    def _is_news(self, state: Open, now: float) -> bool:
        old = self._state
        if not self._version or not isinstance(old, Open):
            return True
        if (old.phase, old.job.status.reason) != (state.phase, state.job.status.reason):
            return True
        place = (state.position, state.queue_length, state.eta_seconds)
        moved = place != (old.position, old.queue_length, old.eta_seconds)
        return moved and now - self._told_at >= QUEUE_SECONDS

    def _reply_event(self, job_id: JobId) -> bytes:
        event = self._replies.get(job_id)
        if event is None:
            reply = (
                no_such_job()
                if self._state is None
                else job_reply(job_id, self._state, self._external_url)
            )
            event = end_event(reply) if self.over else status_event(reply)
            while len(self._replies) >= REPLIES_MAX:
                del self._replies[next(iter(self._replies))]
            self._replies[job_id] = event
        return event

    def _notify(self) -> None:
        changed, self.changed = self.changed, _future()
        changed.set_result(None)


def _future() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()
