"""Fair use over several API processes: counted in one Redis, which may go and come back."""

import contextlib
import socket
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
import redis as redis_py
from kubernetes import client

from qmk_api.adapters.rate_limits import PREFIX, RateLimits
from qmk_api.adapters.redis_link import CALL_SECONDS, FAILURES_MAX, RedisLink
from qmk_api.compiling.fair_use import Kind, TooManyRequests
from qmk_api.settings import LimitSettings, RedisSettings
from qmk_local.apiserver import RunningApiServer
from tests.integration.api_process import ApiSystem, request_body, running_apis
from tests.integration.redis_server import RedisServer, running_redis
from tests.integration.s3_server import S3Server
from tests.waiting import wait_for

RATE = 6
#: What a call may take beside the wait for Redis, on a busy machine.
SLACK_SECONDS = 0.5


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[RedisServer]:
    with running_redis(tmp_path) as server:
        yield server


@contextlib.asynccontextmanager
async def replica(settings: RedisSettings) -> AsyncIterator[tuple[RateLimits, RedisLink]]:
    link = RedisLink(settings)
    try:
        yield RateLimits(LimitSettings(compile_rate=f"{RATE}/hour"), link), link
    finally:
        await link.close()


async def allowed(*rates: RateLimits, who: str = "client") -> int:
    """How many of a round of requests pass, asked of each in turn until all refuse."""
    passed = 0
    for _ in range(3 * RATE):
        for one in rates:
            with contextlib.suppress(TooManyRequests):
                await one.check(Kind.COMPILE, who)
                passed += 1
    return passed


async def test_replicas_count_together_while_redis_is_there(redis: RedisServer) -> None:
    settings = RedisSettings("127.0.0.1", redis.port)
    async with replica(settings) as (first, _), replica(settings) as (second, _):
        assert await allowed(first, second) == RATE
        with pytest.raises(TooManyRequests) as refused:
            await second.check(Kind.COMPILE, "client")
        assert 1 <= refused.value.retry_after <= 3600
        assert await allowed(first, second, who="another") == RATE
    assert all(key.startswith(f"{PREFIX}:") for key in redis.stored_keys())


async def test_without_redis_each_counts_alone_until_it_is_back(redis: RedisServer) -> None:
    settings = RedisSettings("127.0.0.1", redis.port)
    async with replica(settings) as (first, first_link), replica(settings) as (second, second_link):
        assert await allowed(first, second) == RATE
        redis.stop()
        begun = time.monotonic()
        assert await allowed(first, second) == 2 * RATE
        assert time.monotonic() - begun < 2 * CALL_SECONDS + SLACK_SECONDS
        redis.start()
        assert await first_link.check()
        assert await second_link.check()
        assert await allowed(first, second) == RATE
        assert redis.stored_keys() != []


async def test_redis_that_says_nothing_is_not_waited_for_long() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with replica(RedisSettings("127.0.0.1", silent.getsockname()[1])) as (rates, _):
            begun = time.monotonic()
            assert await allowed(rates) == RATE
            assert time.monotonic() - begun < FAILURES_MAX * CALL_SECONDS + SLACK_SECONDS


async def test_redis_may_ask_for_a_password(redis: RedisServer) -> None:
    with redis_py.Redis(host="127.0.0.1", port=redis.port, protocol=2) as admin:
        admin.config_set("requirepass", "opensesame")
    with_it = RedisSettings("127.0.0.1", redis.port, "opensesame")
    without = RedisSettings("127.0.0.1", redis.port)
    async with replica(with_it) as (first, link), replica(without) as (second, other):
        assert await allowed(first) == RATE
        assert await link.check()
        assert await allowed(second) == RATE, "it counts alone"
        assert not await other.check()


@contextlib.contextmanager
def two_apis(
    redis: RedisServer, api_server: RunningApiServer, api_client: client.ApiClient,
    s3_server: S3Server, folder: Path, **changes: str,
) -> Iterator[ApiSystem]:  # fmt: skip
    with running_apis(
        2, api_server, api_client, s3_server, folder,
        REDIS_HOST="127.0.0.1", REDIS_PORT=str(redis.port), QMK_TRUSTED_PROXIES="1", **changes,
    ) as system:  # fmt: skip
        system.wait_for_redis(True)
        yield system


def codes(system: ApiSystem, count: int, address: str = "192.0.2.1") -> list[int]:
    """Status codes of equal requests, asked of the processes in turn."""
    return [
        system.clients[number % 2]
        .post("/v1/compile", json=request_body(), headers={"X-Forwarded-For": address})
        .status_code
        for number in range(count)
    ]


def test_rate_holds_over_processes_and_through_an_outage_of_redis(
    redis: RedisServer, api_server: RunningApiServer, api_client: client.ApiClient,
    s3_server: S3Server, tmp_path: Path,
) -> None:  # fmt: skip
    with two_apis(
        redis, api_server, api_client, s3_server, tmp_path, QMK_COMPILE_RATE=f"{RATE}/hour"
    ) as system:
        assert codes(system, 2 * RATE) == [200] * RATE + [429] * RATE
        assert codes(system, 2, "192.0.2.2") == [200, 200]
        redis.stop()
        assert codes(system, 4 * RATE) == [200] * 2 * RATE + [429] * 2 * RATE
        system.wait_for_redis(False)
        for http in system.clients:
            assert http.get("/readyz").status_code == 200
        redis.start()
        system.wait_for_redis(True)
        assert codes(system, 2 * RATE) == [200] * RATE + [429] * RATE
        assert any(key.startswith(PREFIX) for key in redis.stored_keys())


def test_jobs_that_wait_are_bounded_for_each_client_and_for_all(
    redis: RedisServer, api_server: RunningApiServer, api_client: client.ApiClient,
    s3_server: S3Server, tmp_path: Path,
) -> None:  # fmt: skip
    with two_apis(
        redis, api_server, api_client, s3_server, tmp_path,
        QMK_QUEUED_PER_CLIENT_MAX="3", QMK_QUEUED_MAX="5",
    ) as system:  # fmt: skip
        first, second = system.clients

        def post(http: httpx.Client, code: str, address: str) -> httpx.Response:
            headers = {"X-Forwarded-For": address}
            return http.post("/v1/compile", json=request_body(code), headers=headers)

        for number in range(3):
            assert post(first, f"KC_{number}", "192.0.2.1").status_code == 200
        wait_for(
            "the other process to see them",
            lambda: second.get("/v1").json()["queue_length"] == 3,
            seconds=10,
        )
        for http in system.clients:
            refused = post(http, "KC_3", "192.0.2.1")
            assert refused.status_code == 429, refused.text
            assert refused.json()["queue_position"] == 3
            assert int(refused.headers["Retry-After"]) >= 1
            assert post(http, "KC_0", "192.0.2.1").status_code == 200
        for number in range(4, 6):
            assert post(second, f"KC_{number}", "192.0.2.2").status_code == 200
        full = post(second, "KC_6", "192.0.2.3")
        assert (full.status_code, full.json()["queue_position"]) == (429, 5)
        assert len(system.compile_jobs()) == 5
        system.set_status(system.key_of(request_body("KC_0")), phase="Running", reason="Building")
        wait_for(
            "room for one more",
            lambda: post(second, "KC_6", "192.0.2.3").status_code == 200,
            seconds=10,
        )
