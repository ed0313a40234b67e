"""A server on loopback in the place of GitHub's API, that answers for gists as told."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.loopback_server import LoopbackHandler, serving


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
    class Handler(LoopbackHandler):
        def do_GET(self) -> None:
            gist = self.path.removeprefix("/gists/")
            github.asked.append(gist)
            github.headers.append({name.lower(): value for name, value in self.headers.items()})
            reply = github.replies.get(gist, Reply(404))
            length = len(reply.body) + (1 if reply.slow else 0)
            self.answer(reply.status, reply.body, {"Content-Length": str(length), **reply.headers})
            if reply.slow:
                github.ended.wait(timeout=30)

    with serving(Handler) as port:
        github = GitHubServer(port)
        try:
            yield github
        finally:
            github.ended.set()
