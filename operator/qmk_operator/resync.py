"""Lists everything now and then, for what a watch has missed, and tells whether watches live."""

import logging
from collections.abc import AsyncIterator, Mapping
from typing import Any, Protocol

from qmk_operator.metrics import Metrics
from qmk_operator.store import Kind, Store

logger = logging.getLogger(__name__)


class Lister(Protocol):
    """All objects of a kind, as they are now."""

    def list(self, kind: Kind) -> AsyncIterator[Mapping[str, Any]]: ...


class Freshness:
    """Whether what lists find is told by the watches too.

    A change that one list found, and that the watch has still not told at the next list, means
    that the watch is dead, whatever it claims.
    """

    def __init__(self) -> None:
        self._missed: dict[Kind, dict[str, int]] = {kind: {} for kind in Kind}
        self._stale: set[Kind] = set()

    @property
    def stale(self) -> frozenset[Kind]:
        """Kinds whose watch tells nothing."""
        return frozenset(self._stale)

    def told(self, kind: Kind, body: Mapping[str, Any]) -> None:
        """The watch told of an object."""
        self._stale.discard(kind)
        missed = self._missed[kind].get(body["metadata"]["uid"])
        if missed is not None and missed <= int(body["metadata"]["resourceVersion"]):
            del self._missed[kind][body["metadata"]["uid"]]

    def listed(self, kind: Kind, uids: set[str], news: dict[str, int]) -> None:
        """A list found these objects; ``news`` are the versions that no watch had told."""
        if self._missed[kind].keys() & uids:
            self._stale.add(kind)
        self._missed[kind] = {**self._missed[kind], **news} if kind in self._stale else news


class Resync:
    """Brings the store in line with a list of everything."""

    def __init__(
        self, store: Store, lister: Lister, freshness: Freshness, metrics: Metrics
    ) -> None:
        self._store = store
        self._lister = lister
        self._freshness = freshness
        self._metrics = metrics
        self._first = True

    async def run(self) -> None:
        """List all kinds once.

        Raises:
            ClusterError: the API server does not answer; the store keeps what it had.
        """
        for kind in Kind:
            await self._resync(kind)
        self._first = False

    async def _resync(self, kind: Kind) -> None:
        before = self._store.uids(kind)
        uids: set[str] = set()
        news: dict[str, int] = {}
        async for body in self._lister.list(kind):
            uid = body["metadata"]["uid"]
            uids.add(uid)
            if self._store.put(kind, body):
                news[uid] = int(body["metadata"]["resourceVersion"])
        for name, uid in before.items():
            # What came after the list began is not in ``before``, so it is not mistaken.
            if uid not in uids:
                self._store.remove(kind, name, uid)
        if not self._first:
            self._metrics.missed(kind.value, len(news))
        self._freshness.listed(kind, uids, news)
