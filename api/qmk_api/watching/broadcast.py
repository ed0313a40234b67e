"""All builds that are watched by way of this process, each of them followed once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

from qmk_api.background import Background
from qmk_api.compiling.states import Open, State
from qmk_api.memory import Clock
from qmk_api.ports import PodLogs
from qmk_api.service.health import Health
from qmk_api.watching.log_so_far import LogsSoFar
from qmk_api.watching.room import Room
from qmk_api.watching.topic import Find, Topic

#: How often a build is looked at; where very many are watched, so many looks are taken in all.
LOOK_SECONDS = 0.25
LOOKS_PER_SECOND_MAX = 2000
#: How soon streams end after the process was told to.
DRAIN_SECONDS = 0.25


class Broadcast:
    """Gives each watcher the Topic of its build, and ends a Topic with its last watcher."""

    def __init__(
        self,
        find: Find,
        logs: PodLogs,
        health: Health,
        external_url: str,
        room: Room,
        clock: Clock,
    ) -> None:
        self._find = find
        self._logs = logs
        self._health = health
        self._external_url = external_url
        self._room = room
        self._topics: dict[str, Topic] = {}
        self._background = Background()
        self._so_far = LogsSoFar(logs, clock)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Heed a drain for as long as the context lasts; at its end nothing is read any more."""
        try:
            async with self._background as background:
                background.start(self._heed_drain())
                yield
        finally:
            await self._logs.close()

    def drain(self) -> None:
        """Tell all watchers of builds that go on to ask another process, and end their streams."""
        for topic in self._topics.values():
            topic.drain()

    @contextlib.contextmanager
    def watch(self, key: str, state: State, client: str) -> Iterator[Topic]:
        """The Topic of a build that is in this state now, for one of this client's watchers.

        Raises:
            TooManyRequests: this client has its share of what one process can serve.
            Unavailable: this process serves as much as it can.
        """
        with self._room.place(client):
            topic = self._topics.get(key)
            if topic is None or (topic.over and isinstance(state, Open)):
                topic = self._begin(key, state, client)
            del state  # the log of an end is the topic's to hold
            topic.watchers += 1
            try:
                yield topic
            finally:
                topic.watchers -= 1
                if topic.watchers == 0:
                    self._end(topic)

    async def printed(self, key: str, pod: str) -> bytes:
        """What a pod of a build has printed so far; nothing where that cannot be read now."""
        topic = self._topics.get(key)
        known = None if topic is None else topic.printed(pod)
        return await self._so_far.read(pod) if known is None else known

    def _begin(self, key: str, state: State, client: str) -> Topic:
        topic = Topic(key, state, self._find, self._logs, self._external_url, self._background)
        self._room.hold(topic, client)
        self._topics[key] = topic
        if self._health.draining:
            topic.drain()
        else:
            topic.start(self._interval)
        return topic

    def _end(self, topic: Topic) -> None:
        topic.stop()
        self._room.release(topic)
        if self._topics.get(topic.key) is topic:
            del self._topics[topic.key]

    def _interval(self) -> float:
        return max(LOOK_SECONDS, len(self._topics) / LOOKS_PER_SECOND_MAX)

    async def _heed_drain(self) -> None:
        while True:
            await asyncio.sleep(DRAIN_SECONDS)
            if self._health.draining:
                self.drain()
