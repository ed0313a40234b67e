"""The same question at the same time is asked once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

V = TypeVar("V")


class SingleFlight(Generic[V]):
    """Callers that ask for one key while an answer to it is under way share that answer."""

    def __init__(self) -> None:
        self._flights: dict[str, asyncio.Task[V]] = {}

    async def do(self, key: str, ask: Callable[[], Awaitable[V]]) -> V:
        """Raises what ``ask`` raises, in every caller. A caller that leaves ends no other's."""
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.ensure_future(_run(ask))
            self._flights[key] = flight
            flight.add_done_callback(lambda _: self._flights.pop(key, None))
        return await asyncio.shield(flight)


async def _run(ask: Callable[[], Awaitable[V]]) -> V:
    return await ask()
