"""Whether what the service needs is there: looked at in the background, never by a request."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field

from qmk_api.background import Background
from qmk_api.keyboards.current_site import CurrentSite
from qmk_api.ports import Cache, Jobs, Unavailable

INTERVAL_SECONDS = 2.0
KUBERNETES = "kubernetes"
S3 = "s3"
FIRMWARE = "firmware"
REDIS = "redis"
#: Without these, requests fail; published firmware may come later, and Redis is only a cache.
NEEDED = (KUBERNETES, S3)
log = logging.getLogger(__name__)


@dataclass
class Health:
    """What the last look found. ``last_good`` is seconds since 1970."""

    checks: Mapping[str, bool] = field(default_factory=dict)
    last_good: float | None = None
    draining: bool = False

    @property
    def starting(self) -> bool:
        return not self.checks

    def missing(self) -> list[str]:
        """What keeps this process from serving, in words of this module."""
        if self.starting:
            return list(NEEDED)
        return [name for name in NEEDED if not self.checks[name]]

    @property
    def status(self) -> str:
        """The predecessor's word for it: starting, running or degraded."""
        if self.starting:
            return "starting"
        whole = not self.missing() and self.checks[FIRMWARE]
        return "running" if whole else "degraded"


class Monitor:
    """Keeps a Health true to within a few seconds, and the keyboard site at its channel."""

    def __init__(
        self,
        health: Health,
        jobs: Jobs,
        site: CurrentSite,
        cache: Cache,
        *,
        now: Callable[[], float],
    ) -> None:
        self._health = health
        self._jobs = jobs
        self._site = site
        self._cache = cache
        self._now = now

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look every few seconds for as long as the context lasts."""
        async with Background() as background:
            background.start(self._run())
            yield

    async def look(self) -> None:
        """Look once at everything."""
        kubernetes, (s3, firmware), redis = await asyncio.gather(
            self._kubernetes(), self._storage(), self._cache.check()
        )
        checks = {KUBERNETES: kubernetes, S3: s3, FIRMWARE: firmware, REDIS: redis}
        for name, good in checks.items():
            if self._health.checks.get(name) is not good:
                log.log(
                    logging.INFO if good else logging.WARNING,
                    "%s: %s",
                    name,
                    "there" if good else "not there",
                )
        self._health.checks = checks
        if not self._health.missing():
            self._health.last_good = self._now()

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:
                log.exception("health check failed")
            await asyncio.sleep(INTERVAL_SECONDS)

    async def _kubernetes(self) -> bool:
        try:
            await self._jobs.check()
        except Unavailable:
            return False
        return True

    async def _storage(self) -> tuple[bool, bool]:
        try:
            return True, await self._site.refresh()
        except Unavailable:
            return False, False
