"""The service about itself, and what holds for every path: CORS, JSON errors, HEAD."""

import asyncio
import logging

import httpx
import pytest

from qmk_api.openapi import schemas
from qmk_contract.phases import Phase
from tests.unit.api_fakes import World, keymap_body


async def settled(client: httpx.AsyncClient) -> httpx.Response:
    """The service's own word, once the first look at its world is over."""
    async with asyncio.timeout(5):
        while (reply := await client.get("/v1")).json()["status"] == "starting":  # noqa: ASYNC110
            await asyncio.sleep(0)
    return reply


async def test_root_tells_state_queue_and_children(world: World) -> None:
    world.add_job("a" * 26, phase=Phase.QUEUED)
    world.add_job("b" * 26, phase=Phase.RUNNING)
    async with world.client() as client:
        body = (await settled(client)).json()
    schemas.Root.model_validate(body)
    assert body["children"] == ["compile", "converters", "keyboards", "skeletons"]
    assert set(body) == {
        "children", "last_ping", "queue_length", "status", "status_last_ping",
        "status_tasks_ping", "tasks_ping", "version",
    }  # fmt: skip
    assert (body["status"], body["status_last_ping"]) == ("running", "good")
    assert (body["queue_length"], body["tasks_ping"]) == (1, None)
    assert isinstance(body["last_ping"], float)
    assert body["version"] == body["version"].strip() != ""


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/v1", 200), ("/v1/healthcheck", 200), ("/healthz", 200), ("/readyz", 200),
        (f"/v1/compile/{'a' * 26}", 200), (f"/v1/compile/{'b' * 26}", 404), ("/none", 404),
        ("/v1/keyboards/no/such/info.json", 404), ("/v1/telemetry", 405),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_what_may_change_at_any_time_is_not_to_be_stored(
    world: World, method: str, path: str, code: int
) -> None:
    world.add_job("a" * 26, phase=Phase.QUEUED)
    async with world.client() as client:
        await settled(client)
        reply = await client.request(method, path)
    assert (reply.status_code, reply.headers["Cache-Control"]) == (code, "no-store")


async def test_healthcheck_is_root_without_children(world: World) -> None:
    async with world.client() as client:
        root = (await settled(client)).json()
        body = (await client.get("/v1/healthcheck")).json()
    schemas.Health.model_validate(body)
    del root["children"]
    assert body == root


@pytest.mark.parametrize("away", ["jobs", "stored"])
async def test_outage_is_degraded_and_not_ready(world: World, away: str) -> None:
    getattr(world, away).away = True
    name = {"jobs": "kubernetes", "stored": "s3"}[away]
    async with world.client() as client:
        body = (await settled(client)).json()
        ready = await client.get("/readyz")
        serving = await client.get(f"/readyz?exclude={name}")
        alive = await client.get("/healthz")
    assert (body["status"], body["status_last_ping"]) == ("degraded", "degraded")
    assert body["last_ping"] is None
    assert (ready.status_code, ready.json()["code"]) == (503, 503)
    assert name in ready.json()["message"]
    assert ready.headers["Retry-After"]
    assert serving.status_code == 200
    assert alive.json() == {"status": "ok"}


async def test_ready_service_says_what_it_found(world: World) -> None:
    async with world.client() as client:
        await settled(client)
        reply = await client.get("/readyz")
    assert reply.status_code == 200
    schemas.Ready.model_validate(reply.json())
    checks = {"kubernetes": True, "s3": True, "firmware": True, "redis": True}
    assert reply.json()["checks"] == checks


async def test_nothing_published_is_degraded_but_ready(world: World) -> None:
    world.stored.objects.clear()
    async with world.client() as client:
        assert (await settled(client)).json()["status"] == "degraded"
        assert (await client.get("/readyz")).status_code == 200


PATHS = [
    ("GET", "/v1", 200),
    ("GET", "/v1/healthcheck", 200),
    ("GET", "/healthz", 200),
    ("GET", "/openapi.json", 200),
    ("POST", "/v1/compile", 400),
    ("GET", "/v1/compile", 405),
    ("DELETE", "/v1/compile/aaaaaaaaaaaaaaaaaaaaaaaaaa", 405),
    ("POST", "/v1", 405),
    ("GET", "/v1/compile/unknown", 404),
    ("GET", "/v1/compile/unknown/download", 404),
    ("GET", "/v1/update", 404),
    ("GET", "/no/such/page", 404),
    ("GET", "/%00", 400),
    ("GET", "/v1/compile/%2e%2e/x", 400),
    ("GET", "/v1/keyboards/%ff", 400),
    ("GET", "/" + "a" * 3000, 414),
]


DOCUMENTATION = "https://docs.qmk.fm/#/api_docs"
BOOTSTRAP = "https://raw.githubusercontent.com/qmk/qmk_firmware/master/util/env-bootstrap.sh"


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    ("path", "host", "location"),
    [
        ("/", "api.qmk.fm", DOCUMENTATION),
        ("/", "127.0.0.1:8080", DOCUMENTATION),
        ("/", "xinstall.qmk.fm", DOCUMENTATION),
        ("/", "install.qmk.fm", BOOTSTRAP),
        ("/", "Install.QMK.fm:443", BOOTSTRAP),
        ("/install.sh", "api.qmk.fm", BOOTSTRAP),
        ("/install.sh", "install.qmk.fm", BOOTSTRAP),
    ],
)
async def test_root_of_the_host_leads_on(
    world: World, method: str, path: str, host: str, location: str
) -> None:
    async with world.client() as client:
        reply = await client.request(method, path, headers={"Host": host})
    assert (reply.status_code, reply.headers["Location"]) == (302, location)
    assert reply.headers["Access-Control-Allow-Origin"] == "*"


@pytest.mark.parametrize("origin", [{}, {"Origin": "https://config.qmk.fm"}, {"Origin": "null"}])
@pytest.mark.parametrize(("method", "path", "code"), PATHS)
async def test_every_path_is_json_open_to_any_origin(
    world: World, method: str, path: str, code: int, origin: dict[str, str]
) -> None:
    async with world.client() as client:
        reply = await client.request(method, path, headers=origin)
    assert reply.status_code == code
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert reply.headers["Content-Type"] == "application/json"
    if code >= 400:
        error = schemas.Error.model_validate(reply.json())
        assert error.code == code
        assert error.message


@pytest.mark.parametrize("path", ["/v1/compile", "/v1", "/v1/compile/x/source", "/no/such/page"])
async def test_preflight_allows_what_the_page_asks_for(world: World, path: str) -> None:
    headers = {
        "Origin": "https://config.qmk.fm",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    async with world.client() as client:
        reply = await client.options(path, headers=headers)
    assert reply.status_code == 200
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert reply.headers["Access-Control-Allow-Headers"] == "content-type"
    assert "POST" in reply.headers["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Credentials" not in reply.headers


async def test_unexpected_error_is_a_json_500_without_a_stack_trace(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(name: str) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(world.jobs, "known", broken)
    async with world.client() as client:
        reply = await client.get(f"/v1/compile/{'a' * 26}")
    assert reply.status_code == 500
    assert reply.json() == {"code": 500, "message": "internal error", "status": "unknown"}
    assert reply.headers["Access-Control-Allow-Origin"] == "*"
    assert "secret detail" in caplog.text


async def test_a_request_that_outlives_the_server_gets_a_json_503(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancelled(name: str) -> None:
        raise asyncio.CancelledError

    monkeypatch.setattr(world.jobs, "known", cancelled)
    async with world.client() as client:
        reply = await client.get(f"/v1/compile/{'a' * 26}")
    assert (reply.status_code, reply.json()["status"]) == (503, "unknown")
    assert reply.headers["Retry-After"]


async def test_405_names_what_is_allowed(world: World) -> None:
    async with world.client() as client:
        assert (await client.get("/v1/compile")).headers["Allow"] == "OPTIONS, POST"
        assert (await client.delete("/v1")).headers["Allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize("path", ["/v1", "/v1/healthcheck", "/healthz"])
async def test_head_is_served_where_get_is(world: World, path: str) -> None:
    async with world.client() as client:
        assert (await client.head(path)).status_code == 200


async def test_access_log_has_no_client_address(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with world.client() as client:
        headers = {"X-Forwarded-For": "203.0.113.9"}
        reply = await client.post("/v1/compile?x=%0a", json=keymap_body(), headers=headers)
        await client.head("/v1")
        await client.get("/v1/%2E%2E/" + "a" * 500)
        await client.get("/healthz")
    lines = [record.__dict__["fields"] for record in caplog.records if record.msg == "request"]
    assert [(line["method"], line["path"][:12], line["status"]) for line in lines] == [
        ("POST", "/v1/compile", 200),
        ("HEAD", "/v1", 200),
        ("GET", "/v1/%2E%2E/a", 400),
    ]
    assert [line["bytes"] for line in lines][:2] == [len(reply.content), 0]
    assert all(line["milliseconds"] >= 0 and len(line["path"]) <= 300 for line in lines)
    assert "203.0.113.9" not in caplog.text
    assert "127.0.0.1" not in caplog.text


async def test_a_path_has_one_spelling(world: World) -> None:
    async with world.client() as client:
        for path in ("http://api//v1", "/v1/", "http://api///v1//"):
            assert (await client.get(path)).json()["children"]
        reply = await client.post("/v1/compile/", json=keymap_body())
        assert reply.json()["enqueued"] is True


async def test_openapi_tells_every_operation_once(world: World) -> None:
    async with world.client() as client:
        document = (await client.get("/openapi.json")).json()
    operations = [
        (path, method, operation["operationId"])
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    assert {(path, method) for path, method, _ in operations} >= {
        ("/v1", "get"),
        ("/v1/healthcheck", "get"),
        ("/healthz", "get"),
        ("/readyz", "get"),
        ("/v1/compile", "post"),
        ("/v1/compile/{job_id}", "get"),
        ("/v1/compile/{job_id}/download", "get"),
        ("/v1/compile/{job_id}/hex", "get"),
        ("/v1/compile/{job_id}/keymap", "get"),
        ("/v1/compile/{job_id}/source", "get"),
        ("/v1/keyboards", "get"),
        ("/v1/keyboards/all", "get"),
        ("/v1/keyboards/{keyboard}", "get"),
        ("/v1/keyboards/{keyboard}/readme", "get"),
        ("/v1/keyboards/{keyboard}/keymaps/{keymap}", "get"),
        ("/v1/keyboards/{keyboard}/keymaps/{keymap}/readme", "get"),
        ("/v1/usb", "get"),
    }
    assert len({operation for _, _, operation in operations}) == len(operations)
    assert "HTTPValidationError" not in document["components"]["schemas"]
