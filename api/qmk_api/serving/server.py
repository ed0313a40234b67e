"""The server of one process: uvicorn, that serves on for a while after it was told to end."""

import asyncio
import contextlib
import gc
import signal
import socket
from collections.abc import Callable, Generator
from types import FrameType

import uvicorn
from fastapi import FastAPI

from qmk_api.serving.protocol import STALL_SECONDS, BoundedHttpProtocol
from qmk_api.settings import Settings

#: What a process needs to end itself once its requests are over.
MARGIN_SECONDS = 5
#: A worker that retires is left by its callers within a request, however short the drain.
RETIRE_SECONDS_MIN = 1
KEEP_ALIVE_SECONDS = 75
BACKLOG = 2048


class DrainingServer(uvicorn.Server):
    """Ends in two steps: first it is not ready, closes connections after their next reply and
    tells streams to go elsewhere; ``drain_seconds`` later it takes no more and ends.

    A Service still sends connections to a pod for a while after the pod was told to end.
    ``on_started`` is called once it serves, ``on_worn`` once it has served ``requests_max``.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        drain_seconds: float,
        *,
        requests_max: int = 0,
        on_started: Callable[[], None] | None = None,
        on_worn: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(config)
        self._drain_seconds = drain_seconds
        self._requests_max = requests_max
        self._on_started = on_started
        self._on_worn = on_worn
        self._draining = False
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._loop = asyncio.get_running_loop()
        # What is there now stays: no later collection need look at it again.
        gc.collect()
        gc.freeze()
        if self._on_started is not None:
            self._on_started()

    async def on_tick(self, counter: int) -> bool:
        worn = self._requests_max and self.server_state.total_requests >= self._requests_max
        if worn and self._on_worn is not None:
            self._requests_max = 0
            self._on_worn()
        return await super().on_tick(counter)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Handle SIGTERM and SIGINT. Unlike uvicorn's own, it does not raise them again at the
        end: a process that was asked to end and did so well exits with 0."""
        signals = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.signal(number, self.handle_exit) for number in signals}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Drain at the first signal, and end at once at the second."""
        if self._loop is None or self._draining or self._drain_seconds == 0:
            super().handle_exit(sig, frame)
        else:
            self._loop.call_soon_threadsafe(self._drain, self._drain_seconds)

    def retire(self) -> None:
        """Leave new connections to another worker that listens on the same socket, and drain."""
        for server in self.servers:
            server.close()
        self._drain(max(self._drain_seconds, RETIRE_SECONDS_MIN))

    def stop(self) -> None:
        """End without a drain."""
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take no more requests, and end with those under way. Streams have no end of their own:
        where there was no drain, they are told to go elsewhere now."""
        self._tell_streams()
        await super().shutdown(sockets)

    def _tell_streams(self) -> None:
        self.config.app.state.services.health.draining = True  # type: ignore[union-attr]

    def _drain(self, seconds: float) -> None:
        if self._draining:
            return
        self._draining = True
        self._tell_streams()
        close = (b"connection", b"close")
        self.config.encoded_headers.append(close)  # for the server's next second,
        self.server_state.default_headers.append(close)  # and for this one
        asyncio.get_running_loop().call_later(seconds, self.stop)


def listen(host: str, port: int) -> socket.socket:
    """A listening socket that outlives the workers which accept from it.

    Raises:
        OSError: the address is not there, or in use.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Both are inherited by connections: a peer that vanished is noticed.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALL_SECONDS * 1000)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.set_inheritable(True)
    except OSError:
        listener.close()
        raise
    return listener


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    """How uvicorn serves the application."""
    graceful = settings.termination_grace_seconds - settings.drain_seconds - MARGIN_SECONDS
    return uvicorn.Config(
        app,
        http=BoundedHttpProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        backlog=BACKLOG,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=graceful,
    )
