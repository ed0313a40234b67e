"""All builds that are watched by way of this process, each of them followed once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

from qmk_api.compiling.states import Open, State
from qmk_api.ports import KubernetesUnavailable, PodLogs, Unavailable
from qmk_api.service.health import Health
from qmk_api.single_flight import SingleFlight
from qmk_api.watching.topic import Find, Topic

#: Streams that one process serves at the same time.
WATCHERS_MAX = 5000
#: How often a build is looked at; where very many are watched, so many looks are taken in all.
LOOK_SECONDS = 0.25
LOOKS_PER_SECOND_MAX = 2000
#: Bytes of all topics above which no other build is begun with that has ended already: those are
#: as many as are asked for, and as long-lived as their slowest watchers.
HELD_BYTES_MAX = 64 << 20
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
        *,
        watchers_max: int = WATCHERS_MAX,
        held_bytes_max: int = HELD_BYTES_MAX,
    ) -> None:
        self._find = find
        self._logs = logs
        self._health = health
        self._external_url = external_url
        self._watchers_max = watchers_max
        self._held_bytes_max = held_bytes_max
        self._watchers = 0
        self._topics: dict[str, Topic] = {}
        #: Topics with watchers: beside those that others join, those that were begun anew since.
        self._held: set[Topic] = set()
        self._reads: SingleFlight[bytes] = SingleFlight()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Heed a drain for as long as the context lasts; at its end nothing is read any more."""
        task = asyncio.create_task(self._heed_drain())
        try:
            yield
        finally:
            task.cancel()
            for topic in self._held:
                topic.stop()
            await self._logs.close()

    def drain(self) -> None:
        """Tell all watchers of builds that go on to ask another process, and end their streams."""
        for topic in self._topics.values():
            topic.drain()

    @contextlib.contextmanager
    def watch(self, key: str, state: State) -> Iterator[Topic]:
        """The Topic of a build that is in this state now.

        Raises:
            Unavailable: this process has as many watchers as it can take, or holds as much for
                them as it can.
        """
        if self._watchers >= self._watchers_max:
            raise Unavailable("too many builds are being watched, try again shortly")
        topic = self._topics.get(key)
        if topic is None or (topic.over and isinstance(state, Open)):
            topic = self._begin(key, state)
        del state  # the log of an end is the topic's to hold
        self._watchers += 1
        topic.watchers += 1
        try:
            yield topic
        finally:
            self._watchers -= 1
            topic.watchers -= 1
            if topic.watchers == 0:
                topic.stop()
                self._held.discard(topic)
                if self._topics.get(key) is topic:
                    del self._topics[key]

    async def printed(self, key: str, pod: str) -> bytes:
        """What a pod of a build has printed so far; nothing where that cannot be read now."""
        topic = self._topics.get(key)
        known = None if topic is None else topic.printed(pod)
        if known is not None:
            return known
        try:
            return await self._reads.do(pod, lambda: self._logs.read(pod))
        except KubernetesUnavailable:
            return b""

    def _begin(self, key: str, state: State) -> Topic:
        topic = Topic(key, state, self._find, self._logs, self._external_url)
        held_bytes = sum(other.held_bytes for other in self._held)
        if topic.over and held_bytes + topic.held_bytes > self._held_bytes_max:
            raise Unavailable("too much is being watched, try again shortly")
        self._held.add(topic)
        self._topics[key] = topic
        if self._health.draining:
            topic.drain()
        else:
            topic.start(self._interval)
        return topic

    def _interval(self) -> float:
        return max(LOOK_SECONDS, len(self._topics) / LOOKS_PER_SECOND_MAX)

    async def _heed_drain(self) -> None:
        while True:
            await asyncio.sleep(DRAIN_SECONDS)
            if self._health.draining:
                self.drain()
