"""Published metadata: memory, shared cache, storage, and what happens to damaged copies."""

import pytest

from qmk_api.keyboards.catalog import Catalog
from qmk_api.ports import StorageUnavailable
from qmk_contract import artifacts
from qmk_contract.errors import RequestError
from tests.unit.api_fakes import COMMIT, KEYBOARD, World

INFO = artifacts.keyboard_info(COMMIT, KEYBOARD)


def catalog(world: World) -> Catalog:
    return Catalog(world.stored, world.cache, world.clock)


async def test_keyboard_is_read_once(world: World) -> None:
    of = catalog(world)
    first = await of.keyboard(COMMIT, "clueboard/66")
    assert first.name == KEYBOARD
    assert await of.keyboard(COMMIT, KEYBOARD) is first
    assert world.stored.reads.count(INFO) == 1


async def test_second_process_reads_from_the_shared_cache(world: World) -> None:
    await catalog(world).keyboard(COMMIT, KEYBOARD)
    world.stored.reads.clear()
    assert (await catalog(world).keyboard(COMMIT, KEYBOARD)).layouts == {"LAYOUT": 4, "ALT": 4}
    assert world.stored.reads == []


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"{}", b"\xff"])
async def test_damaged_cached_copy_is_read_anew(world: World, damage: bytes) -> None:
    world.cache.values[INFO] = damage
    assert (await catalog(world).keyboard(COMMIT, KEYBOARD)).name == KEYBOARD
    assert world.cache.values[INFO] == world.stored.objects[INFO]


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"{}", b"\xff", b'{"keyboards": 5}'])
async def test_damaged_stored_metadata_is_the_services_fault(world: World, damage: bytes) -> None:
    world.stored.objects[INFO] = damage
    with pytest.raises(StorageUnavailable):
        await catalog(world).keyboard(COMMIT, KEYBOARD)


async def test_unknown_keyboard_is_looked_for_once(world: World) -> None:
    of = catalog(world)
    for _ in range(3):
        with pytest.raises(RequestError, match="unknown keyboard: no/board"):
            await of.keyboard(COMMIT, "no/board")
    assert world.stored.reads.count(artifacts.keyboard_info(COMMIT, "no/board")) == 1


async def test_tree_without_aliases_is_fine(world: World) -> None:
    del world.stored.objects[artifacts.keyboard_aliases(COMMIT)]
    assert (await catalog(world).keyboard(COMMIT, KEYBOARD)).name == KEYBOARD


@pytest.mark.parametrize("damage", [b"{}", b"[", b'{"commit": "x"}'])
async def test_damaged_channel_pointer_is_the_services_fault(world: World, damage: bytes) -> None:
    world.stored.objects[artifacts.channel("master")] = damage
    with pytest.raises(StorageUnavailable):
        await catalog(world).channel("master")


async def test_missing_channel_is_not_asked_for_again_at_once(world: World) -> None:
    of = catalog(world)
    assert await of.channel("develop") is None
    assert await of.channel("develop") is None
    assert world.stored.reads == [artifacts.channel("develop")]
