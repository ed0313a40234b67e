"""Gists on GitHub, where people keep layouts of Keyboard Layout Editor."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import httpx

from qmk_api.converting.gist_document import raw_data
from qmk_api.memory import Clock, Memory
from qmk_api.ports import GistsUnavailable, UnfitGist
from qmk_api.single_flight import SingleFlight

FETCH_SECONDS = 5.0
REPLY_BYTES_MAX = 1 << 20
REMEMBERED_SECONDS = 300
REMEMBERED_MAX = 256
REMEMBERED_CHARACTERS_MAX = 8 << 20
#: How long GitHub asks callers to stay away where it does not say how long:
#: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
REFUSED_SECONDS = 60
REFUSED_SECONDS_MAX = 3600
_NO_GIST = frozenset({404, 410, 451})
_REFUSALS = frozenset({403, 429})
_HEADERS = {
    "Accept": "application/vnd.github+json",
    "Accept-Encoding": "identity",  # what is compressed has no bound
    "User-Agent": "qmk-compile",
    "X-GitHub-Api-Version": "2022-11-28",
}


@dataclass(frozen=True)
class _Answer:
    """``text`` is None where there is no such gist, or it is ``unfit`` for the reason given."""

    text: str | None
    unfit: str = ""


class GitHubGists:
    """Gists by GitHub's API. Its answers are remembered for a while: it counts its callers' calls.

    ``now`` is seconds since 1970, as GitHub tells them.
    """

    def __init__(self, api_url: str, clock: Clock, now: Callable[[], float] = time.time) -> None:
        self._api_url = api_url
        self._clock = clock
        self._now = now
        self._http: httpx.AsyncClient | None = None
        self._flights: SingleFlight[_Answer] = SingleFlight()
        self._answers: Memory[_Answer] = Memory(
            clock,
            entries_max=REMEMBERED_MAX,
            ttl_seconds=REMEMBERED_SECONDS,
            cost_max=REMEMBERED_CHARACTERS_MAX,
        )
        self._refused_until = 0.0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Open for as long as gists are read."""
        async with httpx.AsyncClient(headers=_HEADERS, follow_redirects=False) as self._http:
            yield

    async def read(self, gist: str) -> str | None:
        """The raw data in a gist; None where GitHub knows no such gist.

        Raises:
            UnfitGist: it holds several files, or too much.
            GistsUnavailable: GitHub did not answer, or not in a way that can be used.
        """
        answer = self._answers.get(gist)
        if answer is None:
            answer = await self._flights.do(gist, lambda: self._ask(gist))
        if answer.unfit:
            raise UnfitGist(answer.unfit)
        return answer.text

    async def _ask(self, gist: str) -> _Answer:
        wait = self._refused_until - self._clock()
        if wait > 0:
            raise GistsUnavailable(retry_after=wait)
        try:
            answer = _Answer(await self._fetch(gist))
        except UnfitGist as error:
            answer = _Answer(None, str(error))
        except (httpx.HTTPError, TimeoutError, ValueError) as error:
            raise GistsUnavailable from error
        self._answers.put(gist, answer, len(answer.text or ""))
        return answer

    async def _fetch(self, gist: str) -> str | None:
        if self._http is None:
            raise RuntimeError("gists are read while running() is open")
        async with (
            asyncio.timeout(FETCH_SECONDS),
            self._http.stream("GET", f"{self._api_url}/gists/{gist}") as reply,
        ):
            if reply.status_code in _NO_GIST:
                return None
            if reply.status_code in _REFUSALS:
                wait = self._seconds_refused(reply.headers)
                self._refused_until = self._clock() + wait
                raise GistsUnavailable(retry_after=wait)
            if reply.status_code != httpx.codes.OK:
                raise ValueError(f"GitHub answered {reply.status_code}")
            content = await _read(reply)
        return await asyncio.to_thread(raw_data, content)

    def _seconds_refused(self, headers: httpx.Headers) -> float:
        wait = float(REFUSED_SECONDS)
        with contextlib.suppress(ValueError):
            if "retry-after" in headers:
                wait = int(headers["retry-after"])
            elif headers.get("x-ratelimit-remaining") == "0":
                wait = int(headers.get("x-ratelimit-reset", "")) - self._now()
        return min(max(1.0, wait), REFUSED_SECONDS_MAX)


async def _read(reply: httpx.Response) -> bytes:
    content = bytearray()
    async for chunk in reply.aiter_raw():
        content += chunk
        if len(content) > REPLY_BYTES_MAX:
            raise UnfitGist(f"the gist is larger than {REPLY_BYTES_MAX} bytes")
    return bytes(content)
