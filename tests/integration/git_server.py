"""A git host on loopback: real repositories, served by git's own HTTP backend."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from tests.loopback_server import LoopbackHandler, serving

_ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    **{
        f"GIT_{who}_{what}": value
        for who in ("AUTHOR", "COMMITTER")
        for what, value in (
            ("NAME", "Test"),
            ("EMAIL", "test@example.org"),
            ("DATE", "2026-11-24T08:00:00Z"),
        )
    },
}


@dataclass
class GitServer:
    """Bare repositories below a folder. ``refused`` are the paths that answer 404 from now on.

    ``asked`` are the paths of requests, ``authorizations`` what came with them.
    """

    root: Path
    url: str = ""
    refused: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)

    def repository(self, name: str, files: Mapping[str, str | None]) -> "Repository":
        """A new repository with one commit."""
        folder = self.root / f"{name}.git"
        made = Repository(folder, f"{self.url}/{name}.git", self.root / f"{name}-work")
        git(self.root, "init", "--quiet", "--initial-branch=master", str(made.work))
        made.commit(files)
        git(self.root, "clone", "--quiet", "--bare", str(made.work), str(folder))
        git(folder, "update-server-info")
        git(made.work, "remote", "add", "origin", str(folder))
        return made


@dataclass(frozen=True)
class Repository:
    """One repository on the server, and the working copy that commits to it."""

    bare: Path
    url: str
    work: Path

    def commit(self, files: Mapping[str, str | None], *, tree: Path | None = None) -> str:
        """Write files (None removes one), commit, and push; returns the commit."""
        if tree is not None:
            shutil.copytree(tree, self.work, symlinks=True, dirs_exist_ok=True)
            git(self.work, "add", "--all", "--force")
        for path, content in files.items():
            file = self.work / path
            if content is None:
                file.unlink()
            else:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(content)
            git(self.work, "add", "--force", path)
        return self.record()

    def link(self, path: str, commit: str, modules: str) -> str:
        """A submodule: a link in the tree, and the file that says where it is."""
        (self.work / ".gitmodules").write_text(modules)
        git(self.work, "add", ".gitmodules")
        git(self.work, "update-index", "--add", "--cacheinfo", f"160000,{commit},{path}")
        return self.record()

    def record(self) -> str:
        """Commit what is added, and push it."""
        git(self.work, "commit", "--quiet", "--allow-empty", "--message=change")
        if self.bare.is_dir():
            self.push("HEAD:refs/heads/master")
        return self.head()

    def head(self) -> str:
        """The newest commit."""
        return git(self.work, "rev-parse", "HEAD").strip()

    def push(self, what: str) -> None:
        git(self.work, "push", "--quiet", "--force", "origin", what)
        git(self.bare, "update-server-info")


def git(folder: Path, *words: str) -> str:
    """Git as the people who own the repositories run it."""
    command = ["git", "-C", str(folder), *words]
    ended = subprocess.run(
        command, env=_ENVIRONMENT, capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, f"{command}: {ended.stderr}"
    return ended.stdout


@contextmanager
def git_server(root: Path, address: str = "127.0.0.1") -> Iterator[GitServer]:
    """Serve on a free port of an interface, by default the loopback one."""
    server = GitServer(root)
    with serving(type("Handler", (_Handler,), {"git": server}), address) as port:
        server.url = f"http://{address}:{port}"
        yield server


class _Handler(LoopbackHandler):
    git: ClassVar[GitServer]

    def do_GET(self) -> None:
        self._call(b"")

    def do_POST(self) -> None:
        self._call(self.body())

    def _call(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        self.git.asked.append(path)
        self.git.authorizations.append(self.headers["Authorization"])
        if any(path.startswith(refused) for refused in self.git.refused):
            self.answer(404)
            return
        if path.startswith("/dumb/"):
            self._file(path.removeprefix("/dumb/"))
            return
        environment = {
            **_ENVIRONMENT,
            "GIT_PROJECT_ROOT": str(self.git.root),
            "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers["Content-Type"] or "",
            "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers["Content-Encoding"] or "",
            "GIT_PROTOCOL": self.headers["Git-Protocol"] or "",
        }
        command = ["git", "http-backend"]
        ended = subprocess.run(
            command, input=body, env=environment, capture_output=True, timeout=60, check=False
        )
        head, _, content = ended.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        status = int(headers.pop("Status", "200").split()[0])
        self.answer(status, content, {**headers, "Content-Length": str(len(content))})

    def _file(self, path: str) -> None:
        """As a web server does that knows nothing of git."""
        file = self.git.root / path
        if file.is_file():
            self.answer(200, file.read_bytes())
        else:
            self.answer(404)
