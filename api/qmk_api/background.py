"""Tasks of one process that have no caller: started as need be, and ended with a context."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Self


class Background:
    """Tasks that run while the context lasts. At its end they are cancelled, and have ended."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run this until it returns, is cancelled, or the context ends."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        while tasks := tuple(self._tasks):
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
