"""Object storage reduced to what presigned URLs need: GET and PUT, with faults on demand."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar

from tests.loopback_server import LoopbackHandler, serving


@dataclass
class HttpStorage:
    """Objects by key. A fault is answered once and then forgotten.

    ``statuses[key]`` are error statuses for the next requests, ``cut`` the keys of which the next
    GET ends half-way, ``held`` the keys that wait until their event is set.
    """

    url: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    stored: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    statuses: dict[str, list[int]] = field(default_factory=dict)
    cut: set[str] = field(default_factory=set)
    held: dict[str, threading.Event] = field(default_factory=dict)

    def url_of(self, key: str) -> str:
        """The key as a presigned URL, with a signature that no log may show."""
        return f"{self.url}/{key}?X-Amz-Signature=secret"


@contextmanager
def http_storage() -> Iterator[HttpStorage]:
    """Serve on a free port of the loopback interface."""
    storage = HttpStorage()
    with serving(type("Handler", (_Handler,), {"storage": storage})) as port:
        storage.url = f"http://127.0.0.1:{port}"
        try:
            yield storage
        finally:
            for event in storage.held.values():
                event.set()


class _Handler(LoopbackHandler):
    storage: ClassVar[HttpStorage]

    def do_GET(self) -> None:
        key = self._key()
        self.storage.asked.append(key)
        if self._fault(key):
            return
        data = self.storage.objects.get(key)
        if data is None:
            self.answer(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if key in self.storage.cut:
            self.storage.cut.discard(key)
            data = data[: len(data) // 2]
            self.close_connection = True
        self.wfile.write(data)

    def do_PUT(self) -> None:
        key = self._key()
        data = self.body()
        if self._fault(key):
            return
        self.storage.objects[key] = data
        self.storage.types[key] = self.headers["Content-Type"]
        self.storage.stored.append(key)
        self.answer(200)

    def _key(self) -> str:
        return self.path.partition("?")[0].lstrip("/")

    def _fault(self, key: str) -> bool:
        if key in self.storage.held:
            self.storage.held[key].wait(30)
        if not self.storage.statuses.get(key):
            return False
        self.answer(self.storage.statuses[key].pop(0), b"<Error/>")
        return True
