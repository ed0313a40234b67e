"""An S3 server that goes away, or whose client does, at one exact write."""

import http.client
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import ClassVar

from tests.integration.s3_server import BUCKET, S3Server
from tests.loopback_server import LoopbackHandler, serving


@dataclass
class S3Proxy:
    """Passes everything on. ``before`` is called before each write with its number and its key.

    Only writes whose keys begin with ``watched`` count.
    """

    server: S3Server
    watched: str
    url: str = ""
    before: Callable[[int, str], None] = lambda number, key: None
    writes: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, key: str) -> None:
        if key.startswith(self.watched):
            with self.lock:
                self.writes.append(key)
                self.before(len(self.writes), key)


@contextmanager
def s3_proxy(server: S3Server, watched: str = "") -> Iterator[S3Proxy]:
    """Serve on a free port of the loopback interface."""
    proxy = S3Proxy(server, watched)
    with serving(type("Handler", (_Handler,), {"proxy": proxy})) as port:
        proxy.url = f"http://127.0.0.1:{port}"
        yield proxy


class _Handler(LoopbackHandler):
    proxy: ClassVar[S3Proxy]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._pass_on()

    def do_HEAD(self) -> None:
        self._pass_on()

    def do_POST(self) -> None:
        self._pass_on()

    def do_DELETE(self) -> None:
        self._pass_on()

    def do_PUT(self) -> None:
        if self.headers.get("Expect") == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        self.proxy.write(self.path.partition("?")[0].removeprefix(f"/{BUCKET}/"))
        self._pass_on()

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        target = http.client.HTTPConnection("127.0.0.1", self.proxy.server.ports[0], timeout=30)
        try:
            target.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() != "expect":
                    target.putheader(name, value)
            target.endheaders(body)
            reply = target.getresponse()
            content = reply.read()
        except (OSError, http.client.HTTPException):
            # As a server does that is gone.
            self.close_connection = True
            return
        finally:
            target.close()
        self.send_response_only(reply.status)
        for name, value in reply.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "content-length"):
                self.send_header(name, value)
        length = reply.getheader("Content-Length") if self.command == "HEAD" else len(content)
        self.send_header("Content-Length", str(length or 0))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def handle_expect_100(self) -> bool:
        return True
