"""Room in the queue: whether one more job may wait, counting those that are just being created."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from qmk_api.compiling.fair_use import Crowd, QueueBounds, no_room
from qmk_api.compiling.queue_view import Queue, QueueView
from qmk_contract.queue import Limits


class Admissions:
    """Holds the queue's bounds. A view of the queue is a moment old, so what this process has
    asked for since is added to it; what other processes have is not."""

    def __init__(self, queue: Queue, bounds: QueueBounds, limits: Limits) -> None:
        self._queue = queue
        self._bounds = bounds
        self._limits = limits
        self._view: QueueView | None = None
        self._under_way: Counter[str] = Counter()
        self._since_view: Counter[str] = Counter()

    @contextmanager
    def one_more(self, client: str) -> Iterator[None]:
        """Around the creation of a job: it takes a place, and gives it back if creation fails.

        Raises:
            TooManyRequests: there is no place.
        """
        refusal = no_room(client, self._bounds, self._crowd(client))
        if refusal is not None:
            raise refusal
        self._under_way[client] += 1
        try:
            yield
            self._since_view[client] += 1
        finally:
            self._under_way[client] -= 1
            if not self._under_way[client]:
                del self._under_way[client]

    def _crowd(self, client: str) -> Crowd:
        view = self._queue.view()
        if view is not self._view:
            self._view = view
            self._since_view.clear()
        coming = self._under_way + self._since_view
        own = view.clients.get(client, ())
        ahead = own[0] if own else view.wanted
        until_any = view.build_seconds / self._limits.max_running
        return Crowd(
            own=len(own) + coming[client],
            everyone=sum(map(len, view.clients.values())) + coming.total(),
            until_own=(ahead + 1) * until_any,
            until_any=until_any,
        )
