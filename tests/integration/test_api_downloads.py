"""A source as large as the real firmware's, over real S3: put together while it is sent."""

import io
import json
import random
import threading
import time
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from kubernetes import client

from qmk_contract import artifacts
from qmk_local.apiserver import RunningApiServer
from tests.integration.api_process import ApiSystem, request_body, running_apis
from tests.integration.published import FIRMWARE, KEYBOARD, upload
from tests.integration.s3_server import BUCKET, S3Server

ENTRIES = 31_000
ENTRY_BYTES = 2048
ENTRY = "qmk_firmware/demo-pad3-mine.json"
#: A client waits this long for the first byte at the most; other work may share the machine.
FIRST_BYTE_SECONDS = 1.0
EXTRA_BYTES_MAX = 20 << 20


@pytest.fixture(scope="module")
def tree() -> bytes:
    """An archive with as many files as the real firmware tree, and as large."""
    content = io.BytesIO()
    noise = random.Random(7).randbytes(ENTRY_BYTES + ENTRIES)
    with zipfile.ZipFile(content, "w") as archive:
        for number in range(ENTRIES):
            name = f"qmk_firmware/keyboards/maker{number % 300}/board{number}/keyboard.json"
            archive.writestr(zipfile.ZipInfo(name), noise[number : number + ENTRY_BYTES])
    return content.getvalue()


@pytest.fixture(scope="module")
def system(
    api_server: RunningApiServer,
    api_client: client.ApiClient,
    s3_server: S3Server,
    tree: bytes,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ApiSystem]:
    folder = tmp_path_factory.mktemp("api")
    with running_apis(1, api_server, api_client, s3_server, folder) as started:
        started.s3.put_object(Bucket=BUCKET, Key=artifacts.source(started.commit), Body=tree)
        yield started


@pytest.fixture(scope="module")
def job(system: ApiSystem) -> str:
    """The path of a job whose build is stored."""
    body = request_body("KC_1")
    upload(system.s3, system.key_of(body), firmware_commit=system.commit)
    document = {"version": 1, "keyboard": KEYBOARD, "layout": "LAYOUT", "layers": [["KC_1"]]}
    system.s3.put_object(
        Bucket=BUCKET,
        Key=artifacts.build(system.key_of(body), artifacts.REQUEST),
        Body=json.dumps(document).encode(),
    )
    job_id = system.clients[0].post("/v1/compile", json=body).json()["job_id"]
    return f"/v1/compile/{job_id}"


def test_source_is_the_tree_with_the_keymap_and_costs_no_memory(
    system: ApiSystem, job: str, tree: bytes
) -> None:
    api, http = system.apis[0], system.clients[0]
    http.get(f"{job}/download")
    before = api.memory_bytes()
    content, most = bytearray(), 0
    begun = time.monotonic()
    with http.stream("GET", f"{job}/source") as reply:
        chunks = reply.iter_raw(1 << 20)
        content += next(chunks)
        first_byte = time.monotonic() - begun
        for number, chunk in enumerate(chunks):
            content += chunk
            if number % 8 == 0:
                most = max(most, api.memory_bytes() - before)
    assert len(content) == int(reply.headers["Content-Length"])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == ENTRIES + 1
        assert archive.namelist()[-1] == ENTRY
        assert json.loads(archive.read(ENTRY))["keymap"] == "mine"
    assert content.startswith(tree[: 1 << 20])
    assert first_byte < FIRST_BYTE_SECONDS
    assert most < EXTRA_BYTES_MAX


def test_many_readers_at_once_cost_what_they_hold(system: ApiSystem, job: str) -> None:
    api = system.apis[0]
    before, peak = api.memory_bytes(), 0
    together = threading.Barrier(9)

    def read() -> int:
        with httpx.stream("GET", f"{api.url}{job}/source", timeout=60) as reply:
            chunks = reply.iter_raw(1 << 20)
            size = len(next(chunks))
            together.wait(30)  # all are in the middle of it
            together.wait(30)
            return size + sum(map(len, chunks))

    with ThreadPoolExecutor(8) as pool:
        reads = [pool.submit(read) for _ in range(8)]
        together.wait(30)
        peak = api.memory_bytes() - before
        together.wait(30)
        assert len({reading.result(60) for reading in reads}) == 1
    assert peak < 2 * EXTRA_BYTES_MAX


def test_interrupted_source_goes_on_where_it_was(system: ApiSystem, job: str, tree: bytes) -> None:
    http = system.clients[0]
    head = http.head(f"{job}/source")
    size, etag = int(head.headers["Content-Length"]), head.headers["ETag"]
    for first in (0, size - 100, len(tree) - 22, size // 2, tree.rindex(b"PK\x01\x02") - 1000):
        part = {"Range": f"bytes={first}-{first + 999}", "If-Range": etag}
        reply = http.get(f"{job}/source", headers=part)
        last = min(first + 999, size - 1)
        assert reply.status_code == 206
        assert reply.headers["Content-Range"] == f"bytes {first}-{last}/{size}"
        assert len(reply.content) == last - first + 1
    known = http.get(f"{job}/source", headers={"If-None-Match": etag})
    assert (known.status_code, known.content) == (304, b"")


def test_part_of_a_firmware_comes_from_storage(system: ApiSystem, job: str) -> None:
    reply = system.clients[0].get(f"{job}/download", headers={"Range": "bytes=3-"})
    assert (reply.status_code, reply.content) == (206, FIRMWARE[3:])
    assert reply.headers["Content-Range"] == f"bytes 3-{len(FIRMWARE) - 1}/{len(FIRMWARE)}"
    behind = system.clients[0].get(f"{job}/download", headers={"Range": "bytes=500-"})
    assert (behind.status_code, behind.json()["code"]) == (416, 416)


def test_caller_that_leaves_harms_nobody(system: ApiSystem, job: str) -> None:
    http = system.clients[0]
    for _ in range(20):
        with http.stream("GET", f"{job}/source") as left:
            next(left.iter_raw(1 << 16))
    with http.stream("GET", f"{job}/source") as reply:
        whole = sum(map(len, reply.iter_raw(1 << 20)))
    assert whole == int(reply.headers["Content-Length"])


def test_storage_that_stops_under_way_cuts_the_download(
    system: ApiSystem, job: str, s3_server: S3Server
) -> None:
    api, http = system.apis[0], system.clients[0]
    with httpx.stream("GET", f"{api.url}{job}/source", timeout=60) as reply:
        chunks = reply.iter_raw(1 << 16)
        next(chunks)
        s3_server.stop()
        try:
            with pytest.raises(httpx.RemoteProtocolError):
                for _ in chunks:
                    pass
            assert http.get("/healthz").status_code == 200
            assert http.get(f"{job}/source").status_code == 503
        finally:
            s3_server.start()
    api.wait_ready(seconds=20)
    assert http.head(f"{job}/source").status_code == 200


def test_damaged_tree_is_503(system: ApiSystem, job: str, tree: bytes, tmp_path: Path) -> None:
    http = system.clients[0]
    key = artifacts.source(system.commit)
    try:
        for content in (b"", tree[:-1], tree[: len(tree) // 2]):
            system.s3.put_object(Bucket=BUCKET, Key=key, Body=content)
            reply = http.get(f"{job}/source")
            assert (reply.status_code, reply.json()["code"]) == (503, 503)
    finally:
        system.s3.put_object(Bucket=BUCKET, Key=key, Body=tree)
