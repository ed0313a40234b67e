"""Stands between a build's pod and a real S3 server, and does what networks and disks do."""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import ClassVar
from urllib.parse import urlsplit

from tests.loopback_server import LoopbackHandler, serving


class Fault(StrEnum):
    """What becomes of a request."""

    #: The server never hears of it, and the client gets an error status.
    REFUSED = "refused"
    #: The connection ends without an answer, before the server hears of it.
    DROPPED = "dropped"
    #: Half of the body gets through, then the connection ends: the request's, or the answer's.
    CUT = "cut"
    #: The answer has other bytes than the server sent.
    GARBLED = "garbled"
    #: The server does it, and the client never hears of that.
    UNANSWERED = "unanswered"


@dataclass
class StorageProxy:
    """``faults``: what befalls requests by method and last part of the key, as often as told."""

    upstream: str
    port: int = 0
    faults: dict[tuple[str, str], Fault] = field(default_factory=dict)
    times: int = 1000

    def fault(self, method: str, path: str) -> Fault | None:
        found = self.faults.get((method, urlsplit(path).path.rpartition("/")[2]))
        if found is None or self.times == 0:
            return None
        self.times -= 1
        return found


@contextmanager
def storage_proxy(upstream: str) -> Iterator[StorageProxy]:
    """Pass requests on to the server at ``upstream``."""
    proxy = StorageProxy(upstream)
    with serving(type("Handler", (_Handler,), {"proxy": proxy})) as port:
        proxy.port = port
        yield proxy


class _Handler(LoopbackHandler):
    proxy: ClassVar[StorageProxy]

    def do_GET(self) -> None:
        self._pass_on("GET", b"")

    def do_PUT(self) -> None:
        self._pass_on("PUT", self.body())

    def _pass_on(self, method: str, body: bytes) -> None:
        fault = self.proxy.fault(method, self.path)
        self.close_connection = True
        if fault is Fault.REFUSED:
            self.answer(503)
            return
        if fault is Fault.DROPPED:
            return
        upstream = urlsplit(self.proxy.upstream)
        connection = http.client.HTTPConnection(upstream.hostname or "", upstream.port, timeout=20)
        try:
            cut = method == "PUT" and fault is Fault.CUT
            # The signature holds for the header Host, so that stays as it came.
            connection.putrequest(method, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                connection.putheader(name, value)
            connection.endheaders(body[: len(body) // 2] if cut else body)
            if not cut:
                response = connection.getresponse()
                self._answer(response.status, response.read(), fault)
        finally:
            connection.close()

    def _answer(self, status: int, data: bytes, fault: Fault | None) -> None:
        match fault:
            case Fault.UNANSWERED:
                return
            case Fault.GARBLED:
                self.answer(status, data[:-1] + bytes([data[-1] ^ 1]))
            case Fault.CUT:
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data[: len(data) // 2])
            case _:
                self.answer(status, data)
