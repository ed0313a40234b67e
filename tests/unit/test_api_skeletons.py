"""The keymap that QMK Configurator fills in."""

from qmk_api.openapi import status_schemas
from tests.unit.api_fakes import World, keymap_body

#: What the page fills in itself; everything else of the skeleton goes into each of its posts.
OWN = {"keyboard", "keymap", "layout", "layers"}


async def test_skeletons_are_listed() -> None:
    async with World().client() as client:
        reply = await client.get("/v1/skeletons")
    assert reply.json() == {"children": ["keymap"]}


async def test_keymap_skeleton_has_the_keys_that_the_page_expects() -> None:
    async with World().client() as client:
        reply = await client.get("/v1/skeletons/keymap")
    skeleton = status_schemas.KeymapSkeleton.model_validate(reply.json())
    assert set(reply.json()) == {"version", "notes", "documentation", *OWN}
    assert (skeleton.keyboard, skeleton.keymap, skeleton.layout) == (None, None, None)
    assert (skeleton.layers, skeleton.notes, skeleton.version) == ([], "", 1)
    assert "qmk compile" in skeleton.documentation


async def test_what_the_page_posts_with_the_skeleton_in_it_is_accepted() -> None:
    world = World()
    world.publish()
    async with world.client() as client:
        skeleton = (await client.get("/v1/skeletons/keymap")).json()
        template = {name: value for name, value in skeleton.items() if name not in OWN}
        reply = await client.post("/v1/compile", json={**template, **keymap_body()})
    assert reply.json()["enqueued"] is True
