"""What a pod has printed so far, where nobody follows it: read once for all who ask."""

from qmk_api.memory import Clock, Memory
from qmk_api.ports import KubernetesUnavailable, PodLogs
from qmk_api.single_flight import SingleFlight

#: How old it may be. A log may have 4 MiB, and each reading comes by way of the API server.
REMEMBERED_SECONDS = 1.0
REMEMBERED_BYTES_MAX = 16 << 20
PODS_MAX = 1024


class LogsSoFar:
    """Logs by pod, each read at most once a second. ``clock`` is monotonic seconds."""

    def __init__(self, logs: PodLogs, clock: Clock) -> None:
        self._logs = logs
        self._known: Memory[bytes] = Memory(
            clock,
            entries_max=PODS_MAX,
            ttl_seconds=REMEMBERED_SECONDS,
            cost_max=REMEMBERED_BYTES_MAX,
        )
        self._reads: SingleFlight[bytes] = SingleFlight()

    async def read(self, pod: str) -> bytes:
        """What there was a moment ago; nothing where that could not be read."""
        known = self._known.get(pod)
        return await self._reads.do(pod, lambda: self._read(pod)) if known is None else known

    async def _read(self, pod: str) -> bytes:
        try:
            content = await self._logs.read(pod)
        except KubernetesUnavailable:
            content = b""
        self._known.put(pod, content, cost=len(content))
        return content
