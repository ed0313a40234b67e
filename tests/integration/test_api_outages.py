"""What the API stands on goes away and comes back; the process lives on and says what is so."""

import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from qmk_api.adapters.cache import RedisCache
from qmk_api.adapters.redis_link import CALL_SECONDS, RedisLink
from qmk_api.settings import RedisSettings
from qmk_local.apiserver import RunningApiServer
from tests.integration.api_process import ApiSystem, StartApis, request_body
from tests.integration.published import publish, upload
from tests.integration.redis_server import RedisServer
from tests.integration.s3_server import S3Server
from tests.waiting import wait_for

Started = tuple[ApiSystem, RedisServer]


def check_unavailable(reply: httpx.Response) -> None:
    assert reply.status_code == 503, reply.text
    assert reply.json()["code"] == 503
    assert int(reply.headers["Retry-After"]) > 0
    assert reply.headers["Access-Control-Allow-Origin"] == "*"


def test_storage_outage_is_503_until_it_is_back(started: Started, s3_server: S3Server) -> None:
    system, _ = started
    api, http = system.apis[0], system.clients[0]
    stored, unseen = request_body("KC_1"), request_body("KC_2")
    upload(system.s3, system.key_of(stored))
    known = http.post("/v1/compile", json=stored).json()["job_id"]
    assert http.get(f"/v1/compile/{known}").json()["status"] == "finished"
    s3_server.stop()
    try:
        check_unavailable(http.post("/v1/compile", json=unseen))
        check_unavailable(http.get(f"/v1/compile/{known}/download"))
        missing = http.get(f"/v1/compile/{'a' * 26}")
        check_unavailable(missing)
        assert missing.json()["status"] == "unknown"
        assert http.get(f"/v1/compile/{known}").json()["status"] == "finished"
        api.wait_ready(False, seconds=20)
        assert api.status("/readyz?exclude=s3") == 200
        assert http.get("/v1").json()["status"] == "degraded"
        assert system.compile_jobs() == []
    finally:
        s3_server.start()
    api.wait_ready(seconds=20)
    assert http.post("/v1/compile", json=unseen).status_code == 200
    assert len(system.compile_jobs()) == 1


def test_kubernetes_outage_is_503_until_it_is_back(
    started: Started, api_server: RunningApiServer
) -> None:
    system, _ = started
    api, http = system.apis[0], system.clients[0]
    stored = request_body("KC_3")
    upload(system.s3, system.key_of(stored))
    api_server.stop_api_server()
    try:
        check_unavailable(http.post("/v1/compile", json=request_body("KC_4")))
        hit = http.post("/v1/compile", json=stored)
        assert hit.status_code == 200, "a stored build needs no Kubernetes"
        assert http.get(f"/v1/compile/{hit.json()['job_id']}").json()["status"] == "finished"
        api.wait_ready(False, seconds=20)
        assert api.status("/readyz?exclude=kubernetes") == 200
    finally:
        api_server.start_api_server()
    api.wait_ready(seconds=30)
    created = http.post("/v1/compile", json=request_body("KC_4"))
    assert created.status_code == 200, created.text
    key = created.json()["job_id"].partition(".")[0]
    system.set_status(key, phase="Running", reason="Building")
    wait_for(
        "the watch to follow again",
        lambda: http.get(f"/v1/compile/{key}").json()["status"] == "running",
        seconds=30,
    )


def test_redis_outage_is_not_noticed_by_anyone(started: Started) -> None:
    system, redis = started
    api, http = system.apis[0], system.clients[0]

    def checks(good: bool) -> bool:
        return bool(http.get("/readyz").json()["checks"]["redis"] is good)

    def compiled_from_fresh_channel() -> str:
        """The commit of firmware that the process has not seen before."""
        commit, channel = os.urandom(20).hex(), f"test-{os.urandom(4).hex()}"
        publish(system.s3, commit, channel=channel)
        body = request_body("KC_6", branch=channel)
        assert http.post("/v1/compile", json=body).status_code == 200
        return commit

    def copies_kept() -> bool:
        commit = compiled_from_fresh_channel()
        return any(commit in key for key in redis.stored_keys())

    api.wait_ready()
    wait_for("Redis in use", lambda: checks(True), seconds=10)
    # On a busy machine one call may take too long, and then leaves no copy.
    wait_for("copies in Redis", copies_kept, seconds=20)
    redis.stop()
    compiled_from_fresh_channel()
    wait_for("Redis found missing", lambda: checks(False), seconds=10)
    assert http.get("/v1").json()["status"] == "running"
    assert http.post("/v1/compile", json=request_body("KC_7")).status_code == 200
    redis.start()
    wait_for("Redis in use again", lambda: checks(True), seconds=10)
    wait_for("copies in Redis again", copies_kept, seconds=20)


async def test_redis_that_accepts_and_says_nothing_costs_a_few_calls(started: Started) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        cache = RedisCache(RedisLink(RedisSettings("127.0.0.1", silent.getsockname()[1])))
        try:
            begun = time.monotonic()
            for _ in range(100):
                assert await cache.get("key") is None
                await cache.set("key", b"value")
            assert not await cache.check()
            assert time.monotonic() - begun < 20 * CALL_SECONDS
        finally:
            await cache.close()


def test_no_poll_fails_while_the_process_drains(start_apis: StartApis) -> None:
    with start_apis(1, QMK_DRAIN_SECONDS="4") as system:
        api, http = system.apis[0], system.clients[0]
        job_id = http.post("/v1/compile", json=request_body("KC_8")).json()["job_id"]
        stop = threading.Event()

        def poll() -> list[int]:
            seen = []
            while not stop.is_set():
                seen.append(httpx.get(f"{api.url}/v1/compile/{job_id}", timeout=10).status_code)
            return seen

        with ThreadPoolExecutor(1) as pool:
            polls = pool.submit(poll)
            api.terminate()
            wait_for("readiness to go", lambda: api.status("/readyz") == 503, seconds=2)
            assert api.status("/readyz?exclude=kubernetes&exclude=s3") == 503
            wait_for(
                "connections that are kept open to be closed",
                lambda: http.get("/v1").headers.get("connection") == "close",
                seconds=2,
            )
            stop.set()
            assert set(polls.result(timeout=10)) == {200}
        assert api.process is not None
        api.process.wait(timeout=30)
        assert "Traceback" not in api.log.read_text()
