"""A server on loopback in Discord's place, that notes what it is sent and answers as told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN = "a-token-that-must-not-be-logged"
PATH = f"/api/webhooks/1234/{TOKEN}"


@dataclass
class DiscordServer:
    """``replies`` are taken in order, status code and headers; after them all is well.

    While ``answering`` is cleared, requests are noted and left without an answer.
    """

    port: int
    messages: list[Any] = field(default_factory=list)
    replies: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    answering: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{PATH}"

    def contents(self) -> list[str]:
        return [message["content"] for message in self.messages]


@contextmanager
def running_discord() -> Iterator[DiscordServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers["Content-Length"])
            assert self.path == PATH
            discord.messages.append(json.loads(self.rfile.read(length)))
            discord.answering.wait(timeout=30)
            status, headers = discord.replies.pop(0) if discord.replies else (204, {})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    discord = DiscordServer(server.server_address[1])
    discord.answering.set()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield discord
    finally:
        discord.answering.set()
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()
