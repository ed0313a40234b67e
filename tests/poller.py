"""Clients that ask one address again and again while something happens to who answers."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

#: Before a client that is told to stop is given up.
END_SECONDS = 60


class Poller(threading.Thread):
    """Asks every ``seconds`` until it is told to stop, and keeps what went wrong.

    It does so over one connection, or over a new one each time. A reply is wrong unless it has
    that status code and that ``status``.
    """

    def __init__(
        self, url: str, code: int, status: str, *, keep_alive: bool, seconds: float
    ) -> None:
        super().__init__(daemon=True)
        self.polls = 0
        self.failures: list[str] = []
        self._url = url
        self._right = (code, status)
        self._keep_alive = keep_alive
        self._seconds = seconds
        self._enough = threading.Event()

    def run(self) -> None:
        while not self._enough.is_set():
            with httpx.Client(timeout=30, trust_env=False) as http:
                self._poll(http)
                while self._keep_alive and not self._enough.is_set():
                    self._poll(http)

    def stop(self) -> None:
        self._enough.set()

    def _poll(self, http: httpx.Client) -> None:
        self.polls += 1
        try:
            reply = http.get(self._url)
        except httpx.TransportError as error:
            self.failures.append(f"poll {self.polls}: {error!r}")
        else:
            if (reply.status_code, reply.json().get("status")) != self._right:
                self.failures.append(f"poll {self.polls}: {reply.status_code} {reply.text[:200]}")
        self._enough.wait(self._seconds)


@contextmanager
def polling(
    url: str, code: int, status: str, *, pairs: int = 1, seconds: float = 0.02, polls_min: int = 10
) -> Iterator[None]:
    """Half of the clients keep their connection; asserts at the end that no reply was wrong, and
    that each client asked so often."""
    pollers = [
        Poller(url, code, status, keep_alive=keep_alive, seconds=seconds)
        for keep_alive in (True, False)
        for _ in range(pairs)
    ]
    for poller in pollers:
        poller.start()
    try:
        yield
    finally:
        for poller in pollers:
            poller.stop()
        for poller in pollers:
            poller.join(timeout=END_SECONDS)
    assert [failure for poller in pollers for failure in poller.failures] == []
    assert all(poller.polls > polls_min for poller in pollers)
