"""A published tree takes no address of the API, whatever its index names."""

import httpx
import pytest

from qmk_api.openapi.openapi_site import site_paths
from qmk_contract import artifacts
from tests.unit.api_fakes import COMMIT, KEYBOARD, World

#: What a route's parameters may be.
VALUES = {"job_id": "a" * 26, "keyboard": KEYBOARD, "keymap": "default", "days": "7"}
HOSTILE = [
    "healthz",
    "install.sh",
    "openapi.json",
    "postreceive",
    "readyz",
    "v1",
    "v1/compile",
    f"v1/compile/{'a' * 26}",
    f"v1/compile/{'a' * 26}/keymap",
    "v1/converters/kle",
    "v1/healthcheck",
    "v1/keyboards",
    "v1/keyboards/build_summary",
    f"v1/keyboards/{KEYBOARD}",
    f"v1/keyboards/{KEYBOARD}/build_log",
    f"v1/keyboards/{KEYBOARD}/keymaps/default",
    "v1/metrics/keyboards",
    "v1/skeletons/keymap",
    "v1/telemetry",
    "v1/usb",
]


async def test_no_route_is_where_a_page_may_be() -> None:
    async with World().app() as app:
        paths = app.openapi()["paths"].keys() - site_paths().keys()
    assert {"/healthz", "/v1/compile", "/v1/keyboards/{keyboard}"} <= paths
    for path in paths:
        assert not artifacts.is_site_path(path.format_map(VALUES)[1:]), path


async def ask(world: World, method: str) -> dict[str, httpx.Response]:
    async with world.client() as client:
        assert (await client.get("/v1/keyboard_list.json")).status_code == 200
        return {path: await client.request(method, f"/{path}") for path in HOSTILE}


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
async def test_routes_answer_as_if_the_index_named_none_of_them(method: str) -> None:
    honest, hostile = World(), World()
    for world in (honest, hostile):
        world.publish()
    for path in HOSTILE:
        hostile.stored.objects[f"{artifacts.firmware(COMMIT)}api/{path}"] = b"hostile"
    hostile.publish_site(files={})
    index = hostile.stored.objects[artifacts.site_index(COMMIT)]
    assert all(f'"{path}"'.encode() in index for path in HOSTILE)
    expected, found = await ask(honest, method), await ask(hostile, method)
    for path in HOSTILE:
        assert found[path].status_code == expected[path].status_code, path
        assert found[path].headers.keys() == expected[path].headers.keys(), path
        assert b"hostile" not in found[path].content
