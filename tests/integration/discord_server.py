"""A server on loopback in Discord's place, that notes what it is sent and answers as told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.loopback_server import LoopbackHandler, serving

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
    class Handler(LoopbackHandler):
        def do_POST(self) -> None:
            assert self.path == PATH
            discord.messages.append(json.loads(self.body()))
            discord.answering.wait(timeout=30)
            status, headers = discord.replies.pop(0) if discord.replies else (204, {})
            self.answer(status, headers=headers)

    with serving(Handler) as port:
        discord = DiscordServer(port)
        discord.answering.set()
        try:
            yield discord
        finally:
            discord.answering.set()
