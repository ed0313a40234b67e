"""A client that watches a job by server-sent events, in a thread of its own."""

import contextlib
import http.client
import socket
import threading
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from tests.server_sent_events import Event, EventParser, log_of
from tests.waiting import wait_for


class EventWatcher:
    """Collects events until the server ends the stream or the context is left.

    One that ``reconnects`` asks again when it is told to, after the time it is told, with the id
    of that event and nothing else in mind.
    """

    def __init__(
        self, url: str, job_id: str, last_id: str = "", *, reconnects: bool = False
    ) -> None:
        self.events: list[Event] = []
        self._job_id = job_id
        self._last_id = last_id
        self._reconnects = reconnects
        self._left = threading.Event()
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        self._ended = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._connection.connect()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.leave()

    @property
    def log(self) -> list[str]:
        return log_of(list(self.events))

    @property
    def last_id(self) -> str:
        return self.events[-1].last_id if self.events else ""

    def of_kind(self, kind: str) -> list[Event]:
        return [event for event in list(self.events) if event.kind == kind]

    def wait_log(self, lines: list[str], *, seconds: float = 10) -> None:
        wait_for(
            f"the log {lines!r} at {self._job_id}",
            lambda: self.log == lines or self._nothing_more(),
            seconds=seconds,
            interval=0.02,
        )
        assert self.log == lines, self.events

    def wait_kind(self, kind: str, *, seconds: float = 10) -> Event:
        wait_for(
            f"the event {kind} of {self._job_id}",
            lambda: self.of_kind(kind) or self._nothing_more(),
            seconds=seconds,
            interval=0.01,
        )
        assert self.of_kind(kind), self.events
        return self.of_kind(kind)[-1]

    def wait_ended(self, *, seconds: float = 10) -> None:
        assert self._ended.wait(seconds), f"the stream did not end; last: {self.events[-1:]}"
        assert self._error is None, self._error

    def leave(self) -> None:
        """Close the connection without a word."""
        self._left.set()
        with contextlib.suppress(OSError, AttributeError):  # the server may have closed it
            self._connection.sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(timeout=10)
        self._connection.close()

    def _nothing_more(self) -> bool:
        return self._ended.is_set()

    def _run(self) -> None:
        try:
            self._read_stream()
            while self._reconnects and (retry := self._retry_seconds()) is not None:
                if self._left.wait(retry):
                    break
                self._last_id = self.last_id
                self._connection.close()
                self._read_stream()
        except (OSError, http.client.HTTPException, AssertionError) as error:
            self._error = error
        finally:
            self._ended.set()

    def _retry_seconds(self) -> float | None:
        """Until the server is to be asked again; None where its last word was another."""
        last = self.events[-1] if self.events else None
        return None if last is None or last.retry is None else last.retry / 1000

    def _read_stream(self) -> None:
        parser = EventParser()
        headers = {"Last-Event-ID": self._last_id} if self._last_id else {}
        self._connection.request("GET", f"/v1/compile/{self._job_id}/events", headers=headers)
        with self._connection.getresponse() as response:
            assert response.headers["Content-Type"].startswith("text/event-stream")
            for line in response:
                if (event := parser.feed(line.decode().rstrip("\n"))) is not None:
                    self.events.append(event)
