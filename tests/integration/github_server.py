"""A server on loopback in the place of GitHub's API, that answers for gists as told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Reply:
    """``slow`` leaves the body unfinished until the server ends."""

    status: int
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    slow: bool = False


@dataclass
class GitHubServer:
    """``replies`` are by gist; any other gist is unknown. ``asked`` are the gists' ids."""

    port: int
    replies: dict[str, Reply] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add(self, gist: str, **files: str) -> None:
        """A gist with files; "_" in a name stands for a dot."""
        told = {
            name.replace("_", "."): {"truncated": False, "content": content}
            for name, content in files.items()
        }
        self.replies[gist] = Reply(200, json.dumps({"id": gist, "files": told}).encode())


@contextmanager
def running_github() -> Iterator[GitHubServer]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            gist = self.path.removeprefix("/gists/")
            github.asked.append(gist)
            github.headers.append({name.lower(): value for name, value in self.headers.items()})
            reply = github.replies.get(gist, Reply(404))
            self.send_response(reply.status)
            length = len(reply.body) + (1 if reply.slow else 0)
            for name, value in {"Content-Length": str(length), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)
            if reply.slow:
                github.ended.wait(timeout=30)

        def log_message(self, format: str, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    github = GitHubServer(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield github
    finally:
        github.ended.set()
        server.shutdown()
        thread.join(timeout=10)
        server.server_close()
