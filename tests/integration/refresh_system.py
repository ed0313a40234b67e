"""A refresh as its pod runs it: four programs, one after another, over real git and real S3."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qmk_contract import artifacts
from qmk_contract.codec import from_body
from qmk_contract.refresh import RefreshStatus
from qmk_contract.site import SiteIndex
from qmk_contract.snapshot import Channel, Manifest
from tests.integration.git_server import GitServer, Repository, git_server
from tests.integration.s3_server import ACCESS_KEY, BUCKET, SECRET_KEY, S3Server
from tests.integration.working_copy import PACKAGES, SEARCH_PATH, working_copy
from tests.waiting import wait_for

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

STEPS = ("plan", "checkout", "snapshot", "publish")
SECONDS = 120
MODULE = "lib/printf"


@dataclass
class RefreshSystem:
    """Channels of one bucket, and the repository that channel master follows."""

    folder: Path
    s3_server: S3Server
    git: GitServer
    firmware: Repository
    printf: Repository
    channels: list[dict[str, str]] = field(default_factory=list)
    runs: int = 0

    @property
    def s3(self) -> "S3Client":
        return self.s3_server.client()

    def new_pod(self) -> "Pod":
        """The folders of one run; nothing is left of runs before."""
        self.runs += 1
        pod = Pod(self, self.folder / f"pod-{self.runs}")
        for folder in (pod.plan, pod.work):
            folder.mkdir(parents=True)
        return pod

    def refresh(self, *arguments: str, **environment: str) -> "Ended":
        """All steps in new folders; ``arguments`` are for the first."""
        pod = self.new_pod()
        return [pod.step(name, *arguments, **environment) for name in STEPS][-1]

    def pointer(self, channel: str = "master") -> Channel | None:
        key = artifacts.channel(channel)
        return from_body(Channel, self.read(key)) if self.exists(key) else None

    def status(self, channel: str = "master") -> RefreshStatus:
        return from_body(RefreshStatus, self.read(artifacts.refresh_status(channel)))

    def manifest(self, commit: str) -> Manifest:
        return from_body(Manifest, self.read(artifacts.manifest(commit)))

    def index(self, commit: str) -> SiteIndex:
        return from_body(SiteIndex, self.read(artifacts.site_index(commit)))

    def read(self, key: str) -> Mapping[str, Any]:
        content = self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        body: Mapping[str, Any] = json.loads(content)
        return body

    def put(self, key: str, document: object) -> None:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(document).encode())

    def keys(self, prefix: str = "") -> set[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return {item["Key"] for page in pages for item in page.get("Contents", ())}

    def exists(self, key: str) -> bool:
        return key in self.keys(key)

    def expire(self, commit: str) -> None:
        """As if whoever was killed at a commit had been silent long enough."""
        self.s3.delete_object(Bucket=BUCKET, Key=artifacts.publication(commit))

    def empty(self) -> None:
        """Remove all objects."""
        for key in self.keys():
            self.s3.delete_object(Bucket=BUCKET, Key=key)

    def assert_whole(self, commit: str) -> None:
        """Every object that the lists of a commit name is there, with its size and digest."""
        manifest, index = self.manifest(commit), self.index(commit)
        layers = [manifest.core, manifest.source, *manifest.keyboards.values()]
        layers += [layer for layer in (manifest.chibios, manifest.generator) if layer]
        wanted = {layer.key: (layer.size, layer.sha256) for layer in layers}
        for path, file in index.files.items():
            wanted[artifacts.site_file(commit, path)] = (file.size, file.sha256)
        for key, (size, sha256) in wanted.items():
            head = self.s3.head_object(Bucket=BUCKET, Key=key)
            assert (head["ContentLength"], head["Metadata"]["sha256"]) == (size, sha256), key


@dataclass(frozen=True)
class Ended:
    """How a step ended, and what it said."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Pod:
    """One run: its folders, and its steps."""

    system: RefreshSystem
    folder: Path

    @property
    def plan(self) -> Path:
        return self.folder / "plan"

    @property
    def work(self) -> Path:
        return self.folder / "work"

    def command(self, name: str, *arguments: str) -> list[str]:
        words = [sys.executable, "-m", "qmk_tasks", name, f"--plan={self.plan}"]
        if name != "plan":
            return [*words, f"--work={self.work}"]
        return [*words, *arguments]

    def environment(self, name: str, **changes: str) -> dict[str, str]:
        """What the chart gives to each container, and no more."""
        common = {"PATH": SEARCH_PATH, "PYTHONPATH": PACKAGES, "PYTHONDONTWRITEBYTECODE": "1"}
        if name in ("plan", "publish"):
            common |= {
                "S3_ENDPOINT_URL": self.system.s3_server.url,
                "S3_BUCKET": BUCKET,
                "S3_ACCESS_KEY": ACCESS_KEY,
                "S3_SECRET_KEY": SECRET_KEY,
            }
        if name == "plan":
            common["QMK_CHANNELS"] = json.dumps(self.system.channels)
        return common | (changes if name != "snapshot" else {})

    def step(
        self, name: str, *arguments: str, below: Sequence[str] = (), **environment: str
    ) -> Ended:
        """Run a step to its end; ``below`` is a command that runs it."""
        ended = subprocess.run(
            [*below, *self.command(name, *arguments)],
            env=self.environment(name, **environment),
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def steps(self, *names: str) -> None:
        for name in names:
            ended = self.step(name)
            assert ended.returncode == 0, ended.stderr

    def kill_once(self, name: str, happened: Callable[[], bool]) -> None:
        """Start a step, and kill it as soon as something has happened."""
        process = self.start(name)
        try:
            wait_for(f"{name} to begin", happened, seconds=SECONDS, interval=0.01)
        finally:
            process.kill()
            process.communicate(timeout=10)

    def start(self, name: str, **environment: str) -> "subprocess.Popen[str]":
        """A step that the test ends or waits for."""
        return subprocess.Popen(
            self.command(name),
            env=self.environment(name, **environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )


@contextmanager
def refresh_system(folder: Path, s3_server: S3Server) -> Iterator[RefreshSystem]:
    """The demo tree with a submodule in a repository, and channel master that follows it."""
    repositories = folder / "repositories"
    repositories.mkdir()
    with git_server(repositories) as server:
        printf = server.repository("printf", {"printf.h": "// printf\n"})
        firmware = server.repository("firmware", {"readme.md": "demo\n"})
        shutil.rmtree(working_copy(folder / "tree") / ".git")
        firmware.commit({}, tree=folder / "tree")
        entry = f'[submodule "{MODULE}"]\n\tpath = {MODULE}\n\turl = ../printf.git\n'
        firmware.link(MODULE, printf.head(), entry)
        channel = {"name": "master", "url": firmware.url, "ref": "master"}
        yield RefreshSystem(folder, s3_server, server, firmware, printf, [channel])
