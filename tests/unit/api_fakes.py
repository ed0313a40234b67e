"""The API over a world in memory, whose CompileJobs and objects can be taken away."""

import asyncio
import contextlib
import functools
import gzip
import hashlib
import io
import itertools
import json
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import httpx
import zstandard
from fastapi import FastAPI

from qmk_api.adapters.deliveries import RedisDeliveries
from qmk_api.adapters.rate_limits import RateLimits
from qmk_api.adapters.redis_link import RedisLink
from qmk_api.app import create_app
from qmk_api.ports import (
    AlreadyExists,
    Conflict,
    GistsUnavailable,
    KubernetesUnavailable,
    Ports,
    StorageUnavailable,
    UnfitGist,
)
from qmk_api.settings import Settings, StorageSettings
from qmk_contract import artifacts
from qmk_contract.build_key import build_key, request_document
from qmk_contract.codec import to_body
from qmk_contract.compile_job import CompileJob, CompileJobSpec, CompileJobStatus
from qmk_contract.discord_message import Severity
from qmk_contract.keymap import normalise_keymap
from qmk_contract.phases import Phase, Reason
from qmk_contract.result import Artifact, BuildResult, Firmware
from qmk_contract.site import SiteFile, SiteIndex

COMMIT = "c0ffee" + "0" * 34
DIGEST = f"sha256:{'ab' * 32}"
KEYBOARD = "clueboard/66/rev3"
KEYS = 4
KEYMAP_FOLDER = f"{KEYBOARD}/keymaps/default"
LAST_UPDATED = "2026-11-24 06:00:00 GMT"
#: Of the site, these are so large that they have copies by content coding.
LARGE = frozenset({"v1/keyboards.json"})
NOW = datetime(2026, 11, 24, 8, 0, 0, tzinfo=UTC)
HEX = b":00000001FF\n"
KEYMAP_C = b"#include QMK_KEYBOARD_H\n"
SETTINGS = Settings(
    namespace="qmk",
    toolchain_digest=DIGEST,
    storage=StorageSettings("http://127.0.0.1:1", "qmk", "us-east-1", "key", "secret"),
    external_url="https://api.example.org",
    client_salt="salt",
)


class Clock:
    """Monotonic seconds that pass when told."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class FakeJobs:
    """CompileJobs of a namespace. ``watching`` False is a watch that has not begun."""

    jobs: dict[str, CompileJob] = field(default_factory=dict)
    away: bool = False
    watching: bool = True
    created: list[str] = field(default_factory=list)
    calls: int = 0
    seen: list[CompileJob] = field(default_factory=list)
    changed: int = 0

    async def start(self) -> None:
        return None

    async def stop(self) -> None:
        return None

    async def check(self) -> None:
        self._call()

    def known(self, name: str) -> CompileJob | None:
        job = self.jobs.get(name) if self.watching and not self.away else None
        return job and replace(job, spec=replace(job.spec, keymap={}))

    def all_known(self) -> Collection[CompileJob]:
        return list(self.jobs.values())

    @property
    def changes(self) -> int:
        if (jobs := list(self.jobs.values())) != self.seen:
            self.seen = jobs
            self.changed += 1
        return self.changed

    async def get(self, name: str) -> CompileJob | None:
        self._call()
        return self.jobs.get(name)

    async def create(self, name: str, spec: CompileJobSpec) -> CompileJob:
        self._call()
        if name in self.jobs:
            raise AlreadyExists(name)
        self.created.append(name)
        self.jobs[name] = CompileJob(name, "qmk", f"uid-{name}", NOW, spec, resource_version="1")
        return self.jobs[name]

    async def ask_rerun(self, job: CompileJob) -> CompileJob:
        self._call()
        now = self.jobs.get(job.name)
        if now is None or now.resource_version != job.resource_version:
            raise Conflict(job.name)
        self.jobs[job.name] = replace(
            now,
            spec=replace(now.spec, rerun=job.status.rerun + 1, cancel=False),
            resource_version=str(int(now.resource_version) + 1),
        )
        return self.jobs[job.name]

    def set_status(self, name: str, **changes: Any) -> CompileJob:
        """What the operator would write."""
        job = self.jobs[name]
        self.jobs[name] = replace(
            job,
            status=replace(job.status, **changes),
            resource_version=str(int(job.resource_version) + 1),
        )
        return self.jobs[name]

    def _call(self) -> None:
        self.calls += 1
        if self.away:
            raise KubernetesUnavailable


class FakeObject:
    """A stored object that is read in pieces of a few bytes."""

    def __init__(self, whole: bytes, part: tuple[int, int] | None = None) -> None:
        content = whole if part is None else whole[part[0] : part[1] + 1]
        self.size = len(content)
        self.whole = len(whole)
        self.etag: str | None = hashlib.sha256(whole).hexdigest()
        self.closed = False
        self.content = content

    async def chunks(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.content), 5):
            yield self.content[start : start + 5]

    def close(self) -> None:
        self.closed = True


@dataclass
class FakeArtifacts:
    """Stored objects by key."""

    objects: dict[str, bytes] = field(default_factory=dict)
    away: bool = False
    reads: list[str] = field(default_factory=list)
    opened: list[FakeObject] = field(default_factory=list)

    async def read(self, key: str, bytes_max: int) -> bytes | None:
        self._call(key)
        content = self.objects.get(key)
        return None if content is None else content[:bytes_max]

    async def open(self, key: str, part: tuple[int, int] | None = None) -> FakeObject | None:
        self._call(key)
        if key not in self.objects:
            return None
        self.opened.append(FakeObject(self.objects[key], part))
        return self.opened[-1]

    async def list(self, prefix: str) -> dict[str, str]:
        self._call(prefix)
        return {
            key: hashlib.sha256(content).hexdigest()
            for key, content in self.objects.items()
            if key.startswith(prefix)
        }

    async def write(self, key: str, content: bytes, content_type: str) -> None:
        self._call(key)
        self.objects[key] = content

    def close(self) -> None:
        return None

    def put_json(self, key: str, value: Any) -> None:
        self.objects[key] = json.dumps(value).encode()

    def _call(self, key: str) -> None:
        self.reads.append(key)
        if self.away:
            raise StorageUnavailable


@dataclass
class FakeCache:
    """Cached objects by key."""

    values: dict[str, bytes] = field(default_factory=dict)

    async def get(self, key: str) -> bytes | None:
        return self.values.get(key)

    async def set(self, key: str, value: bytes) -> None:
        self.values[key] = value

    async def check(self) -> bool:
        return True

    async def close(self) -> None:
        return None


@dataclass
class FakeUsage:
    """Compiles by keyboard, all of today."""

    counts: dict[str, int] = field(default_factory=dict)

    async def count(self, keyboard: str) -> None:
        self.counts[keyboard] = self.counts.get(keyboard, 0) + 1

    async def keyboards(self, days: int) -> Mapping[str, int]:
        return self.counts


@dataclass
class FakePodLogs:
    """What pods print. A pod that is not there cannot be read; None ends what one prints."""

    printed: dict[str, list[bytes | None]] = field(default_factory=dict)
    opened: list[str] = field(default_factory=list)
    reading: int = 0
    closed_while_reading: int | None = None
    more: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def print(self, pod: str, *chunks: bytes | None) -> None:
        async with self.more:
            self.printed.setdefault(pod, []).extend(chunks)
            self.more.notify_all()

    async def follow(self, pod: str) -> AsyncGenerator[bytes, None]:
        self.opened.append(pod)
        if pod not in self.printed:
            raise KubernetesUnavailable
        self.reading += 1
        try:
            chunks = self.printed[pod]
            for at in itertools.count():
                async with self.more:
                    while len(chunks) <= at:
                        await self.more.wait()
                if (chunk := chunks[at]) is None:
                    return
                yield chunk
        finally:
            self.reading -= 1

    async def read(self, pod: str) -> bytes:
        self.opened.append(pod)
        if pod not in self.printed:
            raise KubernetesUnavailable
        return b"".join(chunk for chunk in self.printed[pod] if chunk)

    async def close(self) -> None:
        self.closed_while_reading = self.reading


@dataclass
class FakeChat:
    """What people would have been told."""

    told: list[tuple[Severity, str]] = field(default_factory=list)

    def post(self, severity: Severity, text: str) -> None:
        self.told.append((severity, text))

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        yield


@dataclass
class FakeRefreshes:
    """Publications of firmware by channels; their flags are there by then."""

    stored: FakeArtifacts
    started: list[list[str]] = field(default_factory=list)

    async def start(self, channels: Collection[str]) -> None:
        assert {artifacts.refresh_request(name) for name in channels} <= self.stored.objects.keys()
        self.started.append(list(channels))


@dataclass
class FakeGists:
    """Gists by id."""

    gists: dict[str, str] = field(default_factory=dict)
    away_seconds: float | None = None
    unfit: str = ""

    async def read(self, gist: str) -> str | None:
        if self.away_seconds is not None:
            raise GistsUnavailable(retry_after=self.away_seconds)
        if self.unfit:
            raise UnfitGist(self.unfit)
        return self.gists.get(gist)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        yield


@dataclass
class World:
    """One API process and all that it stands on."""

    settings: Settings = SETTINGS
    jobs: FakeJobs = field(default_factory=FakeJobs)
    stored: FakeArtifacts = field(default_factory=FakeArtifacts)
    cache: FakeCache = field(default_factory=FakeCache)
    usage: FakeUsage = field(default_factory=FakeUsage)
    logs: FakePodLogs = field(default_factory=FakePodLogs)
    clock: Clock = field(default_factory=Clock)
    chat: FakeChat = field(default_factory=FakeChat)
    gists: FakeGists = field(default_factory=FakeGists)

    def __post_init__(self) -> None:
        self.refreshes = FakeRefreshes(self.stored)

    @contextlib.asynccontextmanager
    async def app(self) -> AsyncIterator[FastAPI]:
        """The running API."""
        ports = Ports(
            jobs=self.jobs,
            stored=self.stored,
            cache=self.cache,
            rates=RateLimits(self.settings.limits, RedisLink(None)),
            deliveries=RedisDeliveries(RedisLink(None), self.clock),
            refreshes=self.refreshes,
            chat=self.chat,
            usage=self.usage,
            logs=self.logs,
            gists=self.gists,
        )
        app = create_app(self.settings, ports, clock=self.clock)
        async with app.router.lifespan_context(app):
            yield app

    @contextlib.asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        """A client of the running API; exceptions become replies as they would in a server."""
        async with self.app() as app:
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://api") as client:
                yield client

    def publish(self, channel: str = "master", commit: str = COMMIT) -> None:
        """What a published firmware tree leaves in storage."""
        self.stored.put_json(
            artifacts.channel(channel),
            {
                "schema": 1,
                "channel": channel,
                "commit": commit,
                "published": "2026-11-24T07:00:00Z",
            },
        )
        self.stored.put_json(
            artifacts.keyboard_aliases(commit),
            {"keyboard_aliases": {"clueboard/66": {"target": KEYBOARD}}},
        )
        layouts = {name: {"layout": [{"x": x} for x in range(KEYS)]} for name in ("LAYOUT", "ALT")}
        self.stored.put_json(
            artifacts.keyboard_info(commit, KEYBOARD),
            {
                "keyboards": {
                    KEYBOARD: {
                        "protocol": "LUFA",
                        "layouts": layouts,
                        "layout_aliases": {"LAYOUT_all": "LAYOUT"},
                        "keymaps": {
                            "default": {"path": f"keyboards/{KEYMAP_FOLDER}/keymap.json"},
                            "via": {"path": "keyboards/only/in/the/tree/keymap.json"},
                        },
                    }
                },
                "last_updated": LAST_UPDATED,
            },
        )
        self.stored.objects[artifacts.source(commit)] = source_zip()
        self.publish_site(commit)

    def publish_site(self, commit: str = COMMIT, files: Mapping[str, bytes] | None = None) -> None:
        """Store files of a commit's keyboard site, and an index of all of its files."""
        for path, content in (site_files() if files is None else files).items():
            self.stored.objects[artifacts.site_file(commit, path)] = content
        folder = f"{artifacts.firmware(commit)}api/"
        index = {
            key.removeprefix(folder): SiteFile(len(content), hashlib.sha256(content).hexdigest())
            for key, content in self.stored.objects.items()
            if key.startswith(folder)
        }
        for path in LARGE & index.keys():
            copies = encoded(self.stored.objects[artifacts.site_file(commit, path)])
            for coding, copy in copies.items():
                self.stored.objects[artifacts.site_file(commit, path, coding)] = copy
            sizes = {coding: len(copy) for coding, copy in copies.items()}
            index[path] = replace(index[path], encoded=sizes)
        self.stored.put_json(artifacts.site_index(commit), to_body(SiteIndex(commit, index)))

    def store_build(self, key: str, **changes: Any) -> BuildResult:
        """What a build leaves in storage: by default a success."""
        result = replace(success(key), **changes)
        keymap = normalise_keymap(keymap_body())
        self.stored.put_json(
            artifacts.build(key, artifacts.REQUEST), request_document(KEYBOARD, keymap, "any")
        )
        self.stored.objects[artifacts.build(key, artifacts.LOG)] = b"Compiling: keymap.c\n"
        if result.firmware is not None:
            self.stored.objects[artifacts.build(key, artifacts.FIRMWARE)] = HEX
        if result.keymap_c is not None:
            self.stored.objects[artifacts.build(key, artifacts.KEYMAP_C)] = KEYMAP_C
        self.stored.put_json(artifacts.build(key, artifacts.RESULT), to_body(result))
        return result

    def add_job(self, key: str, **status: Any) -> CompileJob:
        """A CompileJob that the operator has brought to a phase."""
        spec = CompileJobSpec(KEYBOARD, keymap_body(), firmware_commit=COMMIT)
        job = CompileJob(key, "qmk", "uid", NOW, spec, CompileJobStatus(**status), 1, "7")
        self.jobs.jobs[key] = job
        return job


@functools.cache
def encoded(content: bytes) -> Mapping[str, bytes]:
    """Copies of a file by content coding."""
    return {
        "gzip": gzip.compress(content, mtime=0),
        "zstd": zstandard.ZstdCompressor().compress(content),
    }


@functools.cache
def site_files() -> Mapping[str, bytes]:
    """Of a keyboard site, what a build needs nothing of."""

    def document(**fields: Any) -> bytes:
        return json.dumps({"last_updated": LAST_UPDATED, **fields}).encode()

    many: dict[str, Any] = {f"{KEYBOARD}_{number}": {"layouts": {}} for number in range(50_000)}
    return {
        "readme.md": b"# Keyboards\n",
        "v1/keyboard_list.json": document(keyboards=[KEYBOARD]),
        "v1/keyboards.json": document(keyboards=many),
        "v1/usb.json": document(usb={"0xC1ED": {"0x2370": {KEYBOARD: {}}}}),
        f"v1/keyboards/{KEYBOARD}/readme.md": "# Clueboard 66 %, für alle\n".encode(),
        f"v1/keyboards/{KEYMAP_FOLDER}/keymap.json": document(keymap="default"),
        f"v1/keyboards/{KEYMAP_FOLDER}/readme.md": b"# The default keymap\n",
        "v1/constants/keycodes_0.0.1.json": document(keycodes={}),
        "v1/schemas/keymap.jsonschema": b"{}",
        "v1/templates/avr/keymap.c": b"// SPDX-License-Identifier: GPL-2.0-or-later\n",
    }


def source_zip() -> bytes:
    """A firmware tree as it is published for download."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo("qmk_firmware/Makefile"), b"all:\n" * 100)
        archive.writestr(zipfile.ZipInfo("qmk_firmware/keyboards/a/keyboard.json"), b"{}")
    return content.getvalue()


def keymap_body(**changes: Any) -> dict[str, Any]:
    """A request that is accepted."""
    return {
        "keyboard": KEYBOARD,
        "keymap": "my_keymap",
        "layout": "LAYOUT",
        "layers": [["KC_A"] * KEYS],
        **changes,
    }


def key_of(body: Mapping[str, Any], keyboard: str = KEYBOARD) -> str:
    return build_key(
        firmware_commit=COMMIT,
        toolchain_digest=DIGEST,
        keyboard=keyboard,
        keymap=normalise_keymap(body),
        keymap_name="any",
    )


def success(key: str) -> BuildResult:
    return BuildResult(
        key=key,
        keyboard=KEYBOARD,
        firmware_commit=COMMIT,
        toolchain_digest=DIGEST,
        reason=Reason.COMPLETED,
        message="compiled",
        returncode=0,
        command=("qmk", "compile", "keymap.json"),
        started=NOW,
        finished=NOW,
        log=Artifact(20, "0" * 64),
        firmware=Firmware("hex", len(HEX), hashlib.sha256(HEX).hexdigest()),
        keymap_c=Artifact(len(KEYMAP_C), hashlib.sha256(KEYMAP_C).hexdigest()),
        times={"compile": 900},
    )


FAILURE = {
    "reason": Reason.COMPILE_ERROR,
    "message": "'KC_BOGUS' undeclared",
    "returncode": 2,
    "firmware": None,
}
RUNNING = {"phase": Phase.RUNNING, "reason": Reason.BUILDING}
