"""The server's processes: how they start, end and are replaced, and that no caller notices."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest
from kubernetes import client

from qmk_local.apiserver import RunningApiServer
from tests.integration.api_process import ApiProcess, request_body, running_apis
from tests.integration.operator_process import TOOLCHAIN_DIGEST
from tests.integration.raw_http import connect, read_replies
from tests.integration.s3_server import S3Server
from tests.poller import polling
from tests.waiting import wait_for

END_SECONDS = 40
Start = Callable[..., AbstractContextManager[ApiProcess]]


@pytest.fixture
def start(
    api_server: RunningApiServer,
    api_client: client.ApiClient,
    s3_server: S3Server,
    tmp_path: Path,
) -> Start:
    @contextmanager
    def started(**changes: str) -> Iterator[ApiProcess]:
        with running_apis(1, api_server, api_client, s3_server, tmp_path, **changes) as system:
            yield system.apis[0]

    return started


def workers(api: ApiProcess) -> list[int]:
    """Process ids of its workers."""
    assert api.process is not None
    children = Path(f"/proc/{api.process.pid}/task/{api.process.pid}/children")
    return [int(pid) for pid in children.read_text().split()]


def gone(api: ApiProcess, pid: int) -> bool:
    return pid not in workers(api)


def exit_code(api: ApiProcess) -> int:
    assert api.process is not None
    return api.process.wait(timeout=END_SECONDS)


@pytest.mark.parametrize("count", ["1", "2"])
def test_worn_workers_are_replaced_without_one_failed_reply(start: Start, count: str) -> None:
    given = {"NUM_WORKERS": count, "MAX_REQUESTS": "150", "MAX_REQUESTS_JITTER": "50"}
    unknown = "/v1/compile/" + "a" * 26
    with (
        start(**given, QMK_DRAIN_SECONDS="1") as api,
        polling(api.url + unknown, 404, "unknown", pairs=2, seconds=0.002),
    ):
        seen: set[int] = set()

        def replaced() -> bool:
            seen.update(workers(api))
            return len(seen) >= 4 + int(count)

        wait_for("a fifth worker", replaced, seconds=60)
    assert "Traceback" not in api.log.read_text()


def test_a_worker_that_hangs_or_dies_is_replaced(start: Start) -> None:
    with start(NUM_WORKERS="2", TIMEOUT="1") as api:
        for number in (signal.SIGSTOP, signal.SIGKILL):
            first, _ = workers(api)
            os.kill(first, number)
            wait_for(f"the end after {number.name}", partial(gone, api, first), seconds=30)
            wait_for("another worker", lambda: len(workers(api)) == 2, seconds=20)
            api.wait_ready()
        text = api.log.read_text()
        assert "does not answer and is killed" in text
        assert "ended by itself: exit code -9" in text


@pytest.mark.parametrize("given", [{}, {"NUM_WORKERS": "2"}])
def test_it_drains_before_it_ends_with_0(start: Start, given: dict[str, str]) -> None:
    with start(**given, QMK_DRAIN_SECONDS="2") as api:
        with httpx.Client(base_url=api.url, timeout=10) as http:
            assert "connection" not in http.get("/healthz").headers
            api.terminate()
            api.wait_ready(ready=False, seconds=5)
            # Connections that were kept, and new ones, are served, and closed after it.
            assert http.get("/v1").headers["connection"] == "close"
        reply = httpx.get(api.url + "/healthz", timeout=10)
        assert (reply.status_code, reply.headers["connection"]) == (200, "close")
        assert exit_code(api) == 0
        assert "Traceback" not in api.log.read_text()


@pytest.mark.parametrize("given", [{}, {"NUM_WORKERS": "2"}])
def test_a_second_signal_ends_it_at_once(start: Start, given: dict[str, str]) -> None:
    with start(**given, QMK_DRAIN_SECONDS="20") as api:
        api.terminate()
        api.wait_ready(ready=False, seconds=5)
        begun = time.monotonic()
        api.terminate()
        assert exit_code(api) == 0
        assert time.monotonic() - begun < 10


@pytest.mark.parametrize("given", [{}, {"NUM_WORKERS": "2"}])
def test_a_request_under_way_is_answered(start: Start, given: dict[str, str]) -> None:
    body = str(request_body("KC_D")).replace("'", '"').encode()
    head = b"POST /v1/compile HTTP/1.1\r\nHost: api\r\nContent-Length: %d\r\n\r\n" % len(body)
    with start(**given, QMK_DRAIN_SECONDS="1") as api:
        with connect(api.port) as peer:
            peer.sendall(head + body[:20])
            api.terminate()
            api.wait_ready(ready=False, seconds=5)
            peer.sendall(body[20:])
            [reply] = read_replies(peer)
        assert (reply.status, reply.json()["enqueued"]) == (200, True)
        assert reply.headers["connection"] == "close"
        assert exit_code(api) == 0


def test_a_worn_worker_answers_what_it_began(start: Start) -> None:
    with start(MAX_REQUESTS="20", QMK_DRAIN_SECONDS="1") as api, connect(api.port) as peer:
        [worn] = workers(api)
        peer.sendall(b"POST /v1/compile HTTP/1.1\r\nHost: api\r\nContent-Length: 2\r\n\r\n{")
        wait_for(
            "another worker beside the worn one",
            lambda: api.status("/healthz") == 200 and len(workers(api)) == 2,
            seconds=30,
            interval=0.01,
        )
        assert worn in workers(api)
        peer.sendall(b"}")
        [reply] = read_replies(peer)
        assert reply.status == 400
        wait_for("the end of the worn worker", partial(gone, api, worn), seconds=20)


def test_workers_end_with_their_supervisor(start: Start) -> None:
    with start(NUM_WORKERS="2", MAX_REQUESTS="1000000") as api:
        pids = workers(api)
        assert len(pids) == 2
        api.kill()
        wait_for(
            "the end of both workers",
            lambda: not any(_runs(pid) for pid in pids),
            seconds=20,
        )


def _runs(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
    return not re.search(r"^State:\s+[ZX]", status, re.MULTILINE)


@pytest.mark.parametrize("given", [{}, {"NUM_WORKERS": "2"}])
@pytest.mark.parametrize(
    ("fault", "code", "words"),
    [
        ({"QMK_NAMESPACE": "No Name"}, 2, "QMK_NAMESPACE"),
        ({"MAX_REQUESTS": "x"}, 2, "MAX_REQUESTS"),
        ({"KUBECONFIG": "/no/such/file"}, 2, "kube"),
        ({"QMK_HOST": "203.0.113.1"}, 1, "cannot listen on 203.0.113.1"),
    ],
)
def test_it_says_why_it_cannot_start(
    given: dict[str, str], fault: dict[str, str], code: int, words: str
) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "QMK_NAMESPACE": "qmk",
        "QMK_TOOLCHAIN_DIGEST": TOOLCHAIN_DIGEST,
        "QMK_HOST": "127.0.0.1",
        "QMK_PORT": "18080",
        "S3_ENDPOINT_URL": "http://127.0.0.1:9",
        "S3_ACCESS_KEY": "access",
        "S3_SECRET_KEY": "secret",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "qmk_api"],
        env=environment | given | fault,
        capture_output=True, text=True, timeout=END_SECONDS, check=False,
    )  # fmt: skip
    assert ended.returncode == code, ended.stderr
    assert words in ended.stderr.lower() if words.islower() else words in ended.stderr
    assert "Traceback" not in ended.stderr
