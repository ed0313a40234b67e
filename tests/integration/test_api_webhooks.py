"""Webhooks from end to end: real S3, Redis that goes and comes back, and a server like Discord."""

import json
import secrets
import time
from collections.abc import Iterator

import httpx
import pytest

from qmk_api.adapters.discord import RETRY_SECONDS_MAX, Discord
from qmk_contract import artifacts
from qmk_contract.discord_message import Severity
from tests.integration.api_process import ApiSystem, StartApis
from tests.integration.discord_server import TOKEN, DiscordServer, running_discord
from tests.integration.redis_server import RedisServer
from tests.integration.s3_server import BUCKET, S3Server
from tests.unit.github_webhooks import SECRET, encoded, headers, push, workflow_run
from tests.waiting import wait_for

Told = tuple[ApiSystem, RedisServer, DiscordServer]
CHANNEL = {"name": "master", "url": "https://github.com/qmk/qmk_firmware.git", "ref": "master"}


@pytest.fixture(scope="module")
def told(start_apis: StartApis, redis_server: RedisServer) -> Iterator[Told]:
    """Two processes that take GitHub's webhooks and tell Discord."""
    given = {"GITHUB_WEBHOOK_SECRET": SECRET, "QMK_CHANNELS": json.dumps([CHANNEL])}
    with (
        running_discord() as discord,
        start_apis(2, **redis_server.variables, **given, DISCORD_WEBHOOK_URL=discord.url) as system,
    ):
        yield system, redis_server, discord


def deliver(
    http: httpx.Client, delivery: str, *, event: str = "push", **changes: object
) -> httpx.Response:
    """Deliver a push of its own commit, under an id."""
    body = encoded(push(**changes) if event == "push" else workflow_run("Update API Data"))
    return http.post("/postreceive", content=body, headers=headers(body, event, delivery))


def test_push_leaves_a_flag_and_a_message(told: Told) -> None:
    system, _, discord = told
    commit, delivery = secrets.token_hex(20), secrets.token_hex(8)
    reply = deliver(system.clients[0], delivery, after=commit)
    assert (reply.status_code, reply.content) == (204, b"")
    stored = system.s3.get_object(Bucket=BUCKET, Key=artifacts.refresh_request("master"))
    assert stored["ContentType"] == artifacts.JSON
    flag = json.loads(stored["Body"].read())
    assert (flag["channel"], flag["commit"], flag["delivery"]) == ("master", commit, delivery)
    wait_for("the message", lambda: any(commit in text for text in discord.contents()), seconds=5)
    assert discord.messages[-1]["allowed_mentions"] == {"parse": []}


def test_repeated_delivery_is_refused_by_every_replica(told: Told) -> None:
    system, _, _ = told
    first, second = system.clients
    system.wait_for_redis(True)
    commit, delivery = secrets.token_hex(20), secrets.token_hex(8)
    assert deliver(first, delivery, after=commit).status_code == 204
    for http in (first, second):
        assert deliver(http, delivery, after=commit).status_code == 409
        assert deliver(http, secrets.token_hex(8), after=commit).status_code == 409
    assert deliver(second, secrets.token_hex(8), after=secrets.token_hex(20)).status_code == 204


def test_without_redis_a_replica_remembers_its_own(told: Told) -> None:
    system, redis, _ = told
    http = system.clients[0]
    before, during = (secrets.token_hex(8) for _ in range(2))
    commits = {name: secrets.token_hex(20) for name in (before, during)}
    assert deliver(http, before, after=commits[before]).status_code == 204
    redis.stop()
    try:
        assert deliver(http, during, after=commits[during]).status_code == 204
        for name in (before, during):
            assert deliver(http, name, after=commits[name]).status_code == 409
        system.wait_for_redis(False)
    finally:
        redis.start()
    system.wait_for_redis(True)
    assert deliver(http, during, after=commits[during]).status_code == 409
    later = secrets.token_hex(8)
    assert deliver(http, later, after=secrets.token_hex(20)).status_code == 204
    assert any(later in key for key in redis.stored_keys())


def test_delivery_through_an_outage_of_storage_can_be_made_again(
    told: Told, s3_server: S3Server
) -> None:
    system, _, discord = told
    first, second = system.clients
    commit, delivery = secrets.token_hex(20), secrets.token_hex(8)
    s3_server.stop()
    try:
        failed = deliver(first, delivery, after=commit)
        assert failed.status_code == 503
        assert failed.json()["code"] == 503
    finally:
        s3_server.start()
    wait_for(
        "the delivery to be taken by the other replica",
        lambda: deliver(second, delivery, after=commit).status_code == 204,
        seconds=20,
    )
    assert deliver(first, delivery, after=commit).status_code == 409
    wait_for("the message", lambda: any(commit in text for text in discord.contents()), seconds=5)
    assert sum(commit in text for text in discord.contents()) == 1


def test_discord_that_hangs_or_fails_delays_and_breaks_nothing(told: Told) -> None:
    system, _, discord = told
    http = system.clients[0]
    discord.answering.clear()
    try:
        begun = time.monotonic()
        for _ in range(5):
            reply = deliver(http, secrets.token_hex(8), after=secrets.token_hex(20))
            assert reply.status_code == 204
        assert time.monotonic() - begun < 4, "five deliveries waited for Discord"
    finally:
        discord.answering.set()
    discord.replies += [(500, {}), (404, {})]
    last = secrets.token_hex(20)
    assert deliver(http, secrets.token_hex(8), after=last).status_code == 204
    wait_for("the last message", lambda: any(last in t for t in discord.contents()), seconds=30)


def test_no_log_line_has_a_secret(told: Told) -> None:
    system, _, _ = told
    for api in system.apis:
        text = api.log.read_text()
        assert "zvecr has pushed" in text, "what is told is logged, too"
        assert TOKEN not in text
        assert SECRET not in text
        assert "Traceback" not in text


async def test_messages_under_way_are_sent_before_the_end() -> None:
    with running_discord() as discord:
        chat = Discord({Severity.INFO: discord.url})
        async with chat.running():
            for number in range(20):
                chat.post(Severity.INFO, f"message {number}")
            chat.post(Severity.ERROR, "this has nowhere to go")
        assert discord.contents() == [f":nerd_face: message {number}" for number in range(20)]


async def test_discords_wish_to_wait_is_followed_once(caplog: pytest.LogCaptureFixture) -> None:
    with running_discord() as discord:
        discord.replies += [(429, {"Retry-After": "0.2"}), (204, {})]
        discord.replies += [(429, {"Retry-After": "0.1"}), (429, {"Retry-After": "0.1"})]
        discord.replies += [(429, {"Retry-After": str(RETRY_SECONDS_MAX + 1)}), (429, {})]
        chat = Discord({Severity.WARNING: discord.url})
        async with chat.running():
            for text in ("retried", "dropped later", "dropped", "dropped too", "sent"):
                chat.post(Severity.WARNING, text)
        sent = [text.partition(": ")[2] for text in discord.contents()]
    assert sent == [
        "retried", "retried", "dropped later", "dropped later", "dropped", "dropped too", "sent",
    ]  # fmt: skip
    assert caplog.text.count("Discord answered 429") == 3


async def test_end_does_not_wait_for_a_discord_that_hangs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with running_discord() as discord:
        discord.answering.clear()
        chat = Discord({Severity.INFO: discord.url})
        begun = time.monotonic()
        async with chat.running():
            for number in range(120):
                chat.post(Severity.INFO, f"message {number}")
        assert time.monotonic() - begun < 3
    assert "too many messages wait" in caplog.text
    assert "were not sent" in caplog.text
    assert TOKEN not in caplog.text


async def test_discord_that_is_away_is_logged_without_its_address(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    with running_discord() as discord:
        gone = discord.url
    chat = Discord({Severity.ERROR: gone})
    async with chat.running():
        chat.post(Severity.ERROR, "nobody hears this")
    assert "a message did not reach Discord: ConnectError" in caplog.text
    assert "nobody hears this" in caplog.text
    assert TOKEN not in caplog.text
