"""Messages to Discord, sent in the background: nobody waits for them, and nothing fails by them.

Webhook URLs are secrets: none is ever part of a log line.
"""

import asyncio
import contextlib
import logging
import math
from collections.abc import AsyncIterator, Mapping

import httpx

from qmk_contract.discord_message import Severity, discord_message, harmless

SEND_SECONDS = 5.0
PENDING_MAX = 100
#: Discord's wish to be asked later is followed once, and only up to this many seconds.
RETRY_SECONDS_MAX = 30.0
DRAIN_SECONDS = 2.0
_LEVELS = {
    Severity.INFO: logging.INFO,
    Severity.WARNING: logging.WARNING,
    Severity.ERROR: logging.ERROR,
}
log = logging.getLogger(__name__)


class Discord:
    """One webhook URL for each severity; without one, messages of it are only logged."""

    def __init__(self, urls: Mapping[Severity, str]) -> None:
        self._urls = {severity: url for severity, url in urls.items() if url}
        self._pending: asyncio.Queue[tuple[Severity, str]] = asyncio.Queue(PENDING_MAX)

    def post(self, severity: Severity, text: str) -> None:
        """Log a message and have it sent; returns at once."""
        log.log(_LEVELS[severity], "%s", harmless(text))
        if severity not in self._urls:
            return
        try:
            self._pending.put_nowait((severity, text))
        except asyncio.QueueFull:
            log.warning("too many messages wait for Discord, dropped one")

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Send while this is open; at its end, for a moment more."""
        sender = asyncio.create_task(self._send_all())
        try:
            yield
        finally:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_SECONDS):
                    await self._pending.join()
            sender.cancel()
            await asyncio.gather(sender, return_exceptions=True)
            if not self._pending.empty():
                log.warning("%d messages for Discord were not sent", self._pending.qsize())

    async def _send_all(self) -> None:
        async with httpx.AsyncClient(timeout=SEND_SECONDS) as http:
            while True:
                severity, text = await self._pending.get()
                try:
                    await self._send(http, severity, text)
                except Exception as error:  # noqa: BLE001 - no message may end all later ones
                    # Without its text, which may hold the URL.
                    log.warning("a message did not reach Discord: %s", type(error).__name__)
                finally:
                    self._pending.task_done()

    async def _send(self, http: httpx.AsyncClient, severity: Severity, text: str) -> None:
        message = discord_message(severity, text)
        status, wait = await _post(http, self._urls[severity], message)
        if status == httpx.codes.TOO_MANY_REQUESTS and wait <= RETRY_SECONDS_MAX:
            await asyncio.sleep(wait)
            status, _ = await _post(http, self._urls[severity], message)
        if not httpx.codes.is_success(status):
            log.warning("Discord answered %d, dropped a message", status)


async def _post(http: httpx.AsyncClient, url: str, message: object) -> tuple[int, float]:
    """Status code, and the seconds to wait before the next call."""
    async with (
        asyncio.timeout(SEND_SECONDS),
        http.stream("POST", url, json=message) as reply,
    ):
        return reply.status_code, _seconds(reply.headers.get("retry-after", ""))


def _seconds(retry_after: str) -> float:
    try:
        seconds = float(retry_after)
    except ValueError:
        return math.inf
    return seconds if seconds >= 0 else math.inf
