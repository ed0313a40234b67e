"""Room for who watches by way of one process: for all of them, and for those of one client."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from qmk_api.compiling.fair_use import TooManyRequests
from qmk_api.ports import Unavailable
from qmk_api.watching.topic import Topic
from qmk_contract.compile_job import ANONYMOUS


@dataclass(frozen=True)
class Bound:
    """How much there may be of all, and of one client where it is known who that is."""

    of_all: int
    of_client: int


# A whole office or campus may be behind one address, hence the large share of one client.
#: Streams that are served at the same time.
WATCHERS = Bound(5000, 2000)
#: Bytes of all topics above which none is begun of a build that has ended already: of those there
#: are as many as anyone asks for, and each lasts for as long as its slowest watcher.
HELD_BYTES = Bound(64 << 20, 26 << 20)
RETRY_SECONDS = 5


class Room:
    """Who watches now, and what is held for them."""

    def __init__(self, watchers: Bound = WATCHERS, held_bytes: Bound = HELD_BYTES) -> None:
        self._watchers_bound = watchers
        self._held_bound = held_bytes
        self._watchers: Counter[str] = Counter()
        self._topics: dict[Topic, str] = {}

    @contextlib.contextmanager
    def place(self, client: str) -> Iterator[None]:
        """A place of one more watcher, for as long as the context lasts.

        Raises:
            TooManyRequests: this client has as many as it may.
            Unavailable: there is none left.
        """
        bound = self._watchers_bound
        if client != ANONYMOUS and self._watchers[client] >= bound.of_client:
            raise TooManyRequests(
                f"you watch {bound.of_client} jobs already, let some of them end first",
                RETRY_SECONDS,
            )
        if self._watchers.total() >= bound.of_all:
            raise Unavailable("too many jobs are being watched, try again shortly")
        self._watchers[client] += 1
        try:
            yield
        finally:
            self._watchers[client] -= 1
            if not self._watchers[client]:
                del self._watchers[client]

    def hold(self, topic: Topic, client: str) -> None:
        """Take a topic in that this client is the first to watch.

        Raises:
            TooManyRequests: too much is held for this client.
            Unavailable: too much is held for all.
        """
        if topic.over:
            self._check(topic.held_bytes, client)
        self._topics[topic] = client

    def release(self, topic: Topic) -> None:
        """Nobody watches the topic any more."""
        del self._topics[topic]

    def _check(self, more: int, client: str) -> None:
        held = own = more
        for topic, first in self._topics.items():
            held += topic.held_bytes
            own += topic.held_bytes if first == client else 0
        if client != ANONYMOUS and own > self._held_bound.of_client:
            raise TooManyRequests(
                "you are being sent so many logs already, let some of them end first",
                RETRY_SECONDS,
            )
        if held > self._held_bound.of_all:
            raise Unavailable("too many logs are being sent, try again shortly")
