"""What a worker process does with its supervisor's words."""

import asyncio
import contextlib
import random
from multiprocessing.connection import Connection

import uvicorn

from qmk_api.serving.server import DrainingServer
from qmk_api.serving.supervisor import Word
from qmk_api.settings import Settings


def worker_server(
    config: uvicorn.Config, settings: Settings, channel: Connection
) -> DrainingServer:
    """A server that answers from its event loop, retires when told, and ends with its supervisor.

    It says that it is worn after ``max_requests`` requests and, at random, up to the jitter more.
    """

    def hear() -> None:
        try:
            word = channel.recv()
        except (EOFError, OSError):
            asyncio.get_running_loop().remove_reader(channel.fileno())
            server.stop()
            return
        if word is Word.RETIRE:
            server.retire()
        else:
            say(Word.WELL)

    def started() -> None:
        asyncio.get_running_loop().add_reader(channel.fileno(), hear)
        say(Word.STARTED)

    def say(word: Word) -> None:
        with contextlib.suppress(OSError):  # the supervisor is gone, which ``hear`` will find
            channel.send(word)

    process = settings.process
    requests_max = process.max_requests
    if requests_max:
        requests_max += random.randint(0, process.max_requests_jitter)  # noqa: S311 - no secret
    server = DrainingServer(
        config,
        settings.drain_seconds,
        requests_max=requests_max,
        on_started=started,
        on_worn=lambda: say(Word.WORN),
    )
    return server
