"""POST /postreceive: who may tell us, in which form, and how often."""

import asyncio
import json
import urllib.parse
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from qmk_api.adapters.deliveries import ENTRIES_MAX, REMEMBERED_SECONDS, RedisDeliveries
from qmk_api.adapters.redis_link import RedisLink
from qmk_api.openapi import schemas
from qmk_api.ports import Repeated
from qmk_api.settings import WebhookSettings
from qmk_api.webhooks.webhook_routes import BODY_BYTES_MAX
from qmk_api.webhooks.webhook_signature import signed
from qmk_contract.channels import ChannelSource
from qmk_contract.discord_message import Severity
from tests.unit.api_fakes import SETTINGS, Clock, World
from tests.unit.github_webhooks import (
    AFTER,
    DELIVERY,
    SECRET,
    encoded,
    headers,
    push,
    signature,
    workflow_run,
)

FLAG = "refresh/master.json"
CHANNEL = ChannelSource("master", "https://github.com/qmk/qmk_firmware.git", "master")


def world_of(*secrets: str) -> World:
    return World(replace(SETTINGS, webhooks=WebhookSettings(secrets, (CHANNEL,))))


@pytest.fixture
def world() -> World:
    return world_of(SECRET)


async def deliver(world: World, payload: Any, event: str = "push", **changed: Any) -> Any:
    """Make one delivery; a header that is changed to None is left out."""
    body = encoded(payload)
    told = headers(body, event) | changed
    async with world.client() as client:
        return await client.post(
            "/postreceive",
            content=body,
            headers={name: value for name, value in told.items() if value is not None},
        )


def check_error(reply: httpx.Response, code: int, said: str) -> None:
    assert reply.status_code == code, reply.text
    assert schemas.Error.model_validate(reply.json()).code == code
    assert said in reply.json()["message"]


async def test_push_to_a_channel_leaves_its_flag_and_is_told(world: World) -> None:
    reply = await deliver(world, push())
    assert (reply.status_code, reply.content) == (204, b"")
    flag = json.loads(world.stored.objects[FLAG])
    requested = flag.pop("requested")
    assert flag == {"schema": 1, "channel": "master", "commit": AFTER, "delivery": DELIVERY}
    assert requested.endswith("Z")
    assert [severity for severity, _ in world.chat.told] == [Severity.INFO]
    assert "zvecr has pushed 2 commits" in world.chat.told[0][1]


async def test_push_starts_the_refresh_of_its_channels_when_their_flags_are_there() -> None:
    others = (replace(CHANNEL, name="stable"), replace(CHANNEL, name="next", ref="develop"))
    channels = (CHANNEL, *others)
    world = World(replace(SETTINGS, webhooks=WebhookSettings((SECRET,), channels)))
    assert (await deliver(world, push())).status_code == 204
    assert world.refreshes.started == [["master", "stable"]]


async def test_push_is_only_noted_where_nothing_here_publishes() -> None:
    webhooks = WebhookSettings((SECRET,), (CHANNEL,), start_refreshes=False)
    world = World(replace(SETTINGS, webhooks=webhooks))
    assert (await deliver(world, push())).status_code == 204
    assert FLAG in world.stored.objects
    assert world.refreshes.started == []


@pytest.mark.parametrize("changes", [{"ref": "refs/heads/other"}, {"after": "0" * 40}])
async def test_push_that_no_channel_follows_starts_no_refresh(
    world: World, changes: dict[str, str]
) -> None:
    assert (await deliver(world, push(**changes))).status_code == 204
    assert world.refreshes.started == []


@pytest.mark.parametrize("message", [r'"\ud83d"', r'"\ude00 \ud83d x"', "1e400", "9" * 400])
async def test_commits_may_hold_anything(world: World, message: str) -> None:
    body = encoded(push(commits=[{"message": "<message>"}]))
    body = body.replace(b'"<message>"', message.encode())
    assert (await deliver(world, body)).status_code == 204
    assert FLAG in world.stored.objects


async def test_what_only_people_read_holds_up_no_refresh(world: World) -> None:
    reply = await deliver(world, push(pusher={"name": "Jane Doe"}, compare="http://x/y"))
    assert reply.status_code == 204
    assert FLAG in world.stored.objects


async def test_failed_workflow_is_told(world: World) -> None:
    reply = await deliver(world, workflow_run("Update API Data"), "workflow_run")
    assert reply.status_code == 204
    assert world.chat.told == [(Severity.ERROR, "API data update failed for branch develop")]
    assert world.stored.objects == {}


@pytest.mark.parametrize("event", ["ping", "issues"])
async def test_other_events_are_taken_and_do_nothing(world: World, event: str) -> None:
    reply = await deliver(world, {"zen": "Design for failure."}, event)
    assert reply.status_code == 204
    assert (world.stored.objects, world.chat.told) == ({}, [])


async def test_deleted_branch_does_nothing(world: World) -> None:
    assert (await deliver(world, push(after="0" * 40, deleted=True))).status_code == 204
    assert (world.stored.objects, world.chat.told) == ({}, [])


async def test_payload_may_come_as_a_form_field(world: World) -> None:
    body = urllib.parse.urlencode({"payload": json.dumps(push())}).encode()
    form = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    assert (await deliver(world, body, **form)).status_code == 204
    assert FLAG in world.stored.objects


@pytest.mark.parametrize("name", ["X-GitHub-Event", "X-GitHub-Delivery", "Content-Type"])
async def test_header_that_is_missing_is_400(world: World, name: str) -> None:
    left_out: dict[str, Any] = {name: None}
    check_error(await deliver(world, push(), **left_out), 400, f"{name} is missing")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-GitHub-Event", "push event"),
        ("X-GitHub-Event", "p" * 65),
        ("X-GitHub-Delivery", "short"),
        ("X-GitHub-Delivery", "../../../../etc"),
        ("X-GitHub-Delivery", "a" * 65),
        ("X-GitHub-Delivery", "72d3162e cc78"),
    ],
)
async def test_header_that_is_not_fit_is_400(world: World, name: str, value: str) -> None:
    check_error(await deliver(world, push(), **{name: value}), 400, f"{name} is not fit")


async def test_other_content_types_are_415(world: World) -> None:
    check_error(await deliver(world, push(), **{"Content-Type": "text/plain"}), 415, "json")


ILL_FORMED = [
    None,
    "",
    "sha256=",
    signature(encoded(push())).upper(),
    signature(encoded(push())).removeprefix("sha256="),
    "sha1=" + "0" * 40,
    "sha256=" + "é" * 32,
]


@pytest.mark.parametrize(
    "given",
    [
        *ILL_FORMED,
        "sha256=" + "0" * 64,
        signature(b"another body"),
        signature(encoded(push()), "another secret"),
    ],
)
async def test_signature_that_is_missing_or_wrong_is_403(world: World, given: str | None) -> None:
    changed: dict[str, Any] = {"X-Hub-Signature-256": given and given.encode()}
    reply = await deliver(world, push(), **changed)
    check_error(reply, 403, "X-Hub-Signature-256")
    assert (world.stored.objects, world.chat.told) == ({}, [])


@pytest.mark.parametrize("given", ILL_FORMED)
async def test_without_a_signature_no_body_is_read(world: World, given: str | None) -> None:
    read = []

    async def body() -> AsyncIterator[bytes]:
        read.append("some")
        yield b"{}"

    told = [(name.encode(), value.encode()) for name, value in headers(b"").items()][:-1]
    if given is not None:
        told.append((b"X-Hub-Signature-256", given.encode()))
    async with world.client() as client:
        reply = await client.post("/postreceive", content=body(), headers=told)
    check_error(reply, 403, "X-Hub-Signature-256")
    assert read == []


async def test_a_large_body_is_verified_and_read_as_a_small_one(world: World) -> None:
    large = push(commits=[{"id": AFTER, "message": "x" * 2000}] * 10_000)
    assert 20_000_000 < len(encoded(large)) < BODY_BYTES_MAX
    assert (await deliver(world, large)).status_code == 204
    assert "has pushed 10000 commits" in world.chat.told[0][1]
    unsigned = {"X-Hub-Signature-256": "sha256=" + "0" * 64}
    check_error(await deliver(world, large, **unsigned), 403, "X-Hub-Signature-256")


async def test_without_a_secret_everything_is_refused() -> None:
    world = world_of()
    check_error(await deliver(world, push()), 403, "not configured")
    empty = headers(encoded(push()), secret="")
    check_error(await deliver(world, push(), **empty), 403, "not configured")
    assert world.stored.objects == {}


@pytest.mark.parametrize("secret", ["new-secret", "old-secret"])
async def test_both_secrets_are_good_during_a_rotation(secret: str) -> None:
    world = world_of("new-secret", "old-secret")
    given = signature(encoded(push()), secret)
    assert (await deliver(world, push(), **{"X-Hub-Signature-256": given})).status_code == 204


def test_githubs_own_example_of_a_signature() -> None:
    given = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert signed(b"Hello, World!", given, ["It's a Secret to Everybody"])
    assert not signed(b"Hello, World?", given, ["It's a Secret to Everybody"])
    assert not signed(b"Hello, World!", given, [])


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "JSON"),
        (b"not json", "JSON"),
        (b"[" * 10_000, "nested too deeply"),
        (b"\xff\xfe", "UTF-8"),
        (b"[]", "not an object"),
        (b"null", "not an object"),
        (b"{}", "repository.full_name"),
        (encoded(push(ref="master")), "ref"),
    ],
)
async def test_signed_payload_that_is_not_as_expected_is_400(
    world: World, body: bytes, said: str
) -> None:
    check_error(await deliver(world, body), 400, said)
    assert (world.stored.objects, world.chat.told) == ({}, [])


@pytest.mark.parametrize(
    "body",
    [b"", b"payload", b"payload=", b"x=1", b"payload=%ff", b"payload={}&payload={}", b"\xff=1",
     b"payload={}&x=1", b"&&&&"],
)  # fmt: skip
async def test_signed_form_that_is_not_as_expected_is_400(world: World, body: bytes) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    check_error(await deliver(world, body, **form), 400, "Invalid form")


async def test_body_that_is_too_large_is_413_before_it_is_read(world: World) -> None:
    async def endless() -> Any:
        while True:
            yield b" " * (1 << 20)

    async with world.client() as client:
        reply = await client.post("/postreceive", content=endless(), headers=headers(b""))
    check_error(reply, 413, str(BODY_BYTES_MAX))


async def test_repeated_delivery_is_409_and_does_nothing(world: World) -> None:
    body = encoded(push())
    async with world.client() as client:
        first = await client.post("/postreceive", content=body, headers=headers(body))
        world.stored.objects.clear()
        again = await client.post("/postreceive", content=body, headers=headers(body))
        renamed = headers(body, delivery="0" * 36)
        forged = await client.post("/postreceive", content=body, headers=renamed)
    assert first.status_code == 204
    check_error(again, 409, DELIVERY)
    check_error(forged, 409, "0" * 36)
    assert world.stored.objects == {}
    assert len(world.chat.told) == 1


async def test_equal_deliveries_at_once_are_handled_once(world: World) -> None:
    body = encoded(push())
    async with world.client() as client:
        replies = await asyncio.gather(
            *(client.post("/postreceive", content=body, headers=headers(body)) for _ in range(20))
        )
    assert sorted(reply.status_code for reply in replies) == [204] + [409] * 19


async def test_delivery_that_failed_may_come_again_under_its_id(world: World) -> None:
    body = encoded(push())
    async with world.client() as client:
        world.stored.away = True
        failed = await client.post("/postreceive", content=body, headers=headers(body))
        assert world.chat.told == []
        world.stored.away = False
        again = await client.post("/postreceive", content=body, headers=headers(body))
    check_error(failed, 503, "storage")
    assert int(failed.headers["Retry-After"]) > 0
    assert again.status_code == 204
    assert FLAG in world.stored.objects
    assert len(world.chat.told) == 1


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_other_methods_are_405(world: World, method: str) -> None:
    async with world.client() as client:
        check_error(await client.request(method, "/postreceive"), 405, "Method Not Allowed")


async def test_memory_of_deliveries_is_bounded_in_time_and_number() -> None:
    clock = Clock()
    deliveries = RedisDeliveries(RedisLink(None), clock)
    for number in range(ENTRIES_MAX + 1):
        async with deliveries.handling(f"delivery-{number}"):
            pass
    async with deliveries.handling("delivery-0"):
        pass
    with pytest.raises(Repeated):
        async with deliveries.handling(f"delivery-{ENTRIES_MAX}"):
            pass
    clock.seconds += REMEMBERED_SECONDS
    async with deliveries.handling(f"delivery-{ENTRIES_MAX}"):
        pass
