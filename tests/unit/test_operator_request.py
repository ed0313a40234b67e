"""From a spec to what is built; and what is published, read through a cache."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from qmk_contract import artifacts
from qmk_contract.codec import to_body
from qmk_contract.errors import RequestError
from qmk_contract.phases import Reason
from qmk_contract.snapshot import Channel, Layer, Manifest
from qmk_operator.catalogue import PublishedFirmware
from qmk_operator.request import BuildRequest, resolve
from qmk_operator.storage import StorageUnavailableError
from tests.unit.operator_bodies import FakeCatalogue
from tests.unit.operator_objects import COMMIT, DIGEST, KEY, KEYBOARD, KEYMAP, compile_job


async def resolved(
    catalogue: FakeCatalogue | None = None, pinned: str | None = None, **spec: Any
) -> BuildRequest:
    return await resolve(compile_job(**spec).spec, pinned, catalogue or FakeCatalogue(), DIGEST)


async def test_a_request_gets_the_key_that_the_api_gives_it() -> None:
    request = await resolved()
    assert (request.key, request.keyboard, request.firmware_commit) == (KEY, KEYBOARD, COMMIT)
    assert b'"keymap":"qmk_compile"' in request.document
    assert [layer.key for layer in request.layers] == ["core", "demo"]


@pytest.mark.parametrize(
    "same",
    [
        {"keyboard": "demo/old"},
        {"keymap": KEYMAP | {"layout": "ALIAS", "notes": "mine", "author": "me"}},
        {"keymap_name": "another"},
        {"firmware_commit": None},
        {"client": "somebody"},
    ],
)
async def test_what_changes_no_firmware_changes_no_key(same: dict[str, Any]) -> None:
    assert (await resolved(**same)).key == KEY


async def test_a_commit_that_was_settled_on_holds_when_the_channel_moves() -> None:
    request = await resolved(pinned=COMMIT, firmware_commit=None, channel="moved")
    assert request.firmware_commit == COMMIT


async def test_a_converter_needs_chibios_on_any_board() -> None:
    request = await resolved(keymap={**KEYMAP, "converter": "promicro_to_rp2040"})
    assert [layer.key for layer in request.layers] == ["core", "chibios", "demo"]


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ({"keyboard": "demo/none"}, Reason.UNKNOWN_KEYBOARD),
        ({"keyboard": "../etc"}, Reason.UNKNOWN_KEYBOARD),
        ({"keyboard": "gone"}, Reason.UNKNOWN_KEYBOARD),
        ({"keymap": KEYMAP | {"layout": "LAYOUT_none"}}, Reason.UNKNOWN_LAYOUT),
        ({"keymap": KEYMAP | {"layers": [["KC_A"]]}}, Reason.INVALID_KEYMAP),
        ({"firmware_commit": None, "channel": "none"}, Reason.UNKNOWN_CHANNEL),
        ({"firmware_commit": None, "channel": "../x"}, Reason.UNKNOWN_CHANNEL),
        ({"firmware_commit": "d" * 40}, Reason.UNKNOWN_FIRMWARE_COMMIT),
        ({"firmware_commit": "../x"}, Reason.UNKNOWN_FIRMWARE_COMMIT),
    ],
)
async def test_what_cannot_be_built_is_refused(spec: dict[str, Any], reason: Reason) -> None:
    with pytest.raises(RequestError) as caught:
        await resolved(**spec)
    assert caught.value.reason is reason


class Documents:
    """Published documents, and how often each was read."""

    def __init__(self, documents: dict[str, Any]) -> None:
        self.documents = documents
        self.reads: list[str] = []

    async def read_json(self, object_key: str) -> Mapping[str, Any] | None:
        self.reads.append(object_key)
        found: Mapping[str, Any] | None = self.documents.get(object_key)
        return found


def published(**changes: Any) -> Documents:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    layer = Layer("core", 1, "0" * 64)
    info = {"layouts": {"LAYOUT": {"layout": [{}, {}]}}, "platform_key": "avr"}
    documents = {
        artifacts.channel("master"): to_body(Channel("master", COMMIT, moment)),
        artifacts.manifest(COMMIT): to_body(Manifest(COMMIT, moment, layer, layer)),
        artifacts.keyboard_aliases(COMMIT): {"keyboard_aliases": {"old": {"target": "new"}}},
        artifacts.keyboard_info(COMMIT, KEYBOARD): {"keyboards": {KEYBOARD: info}},
    }
    return Documents(documents | changes)


async def test_what_a_commit_publishes_is_read_once() -> None:
    documents = published()
    firmware = PublishedFirmware(documents)
    for _ in range(3):
        keyboard = await firmware.keyboard(COMMIT, KEYBOARD)
        assert keyboard is not None
        assert keyboard.layouts == {"LAYOUT": 2}
        assert await firmware.aliases(COMMIT) == {"old": {"target": "new"}}
        assert await firmware.manifest(COMMIT) is not None
    assert len(documents.reads) == 3


async def test_a_channel_is_read_each_time_because_it_moves() -> None:
    documents = published()
    firmware = PublishedFirmware(documents)
    assert await firmware.channel_commit("master") == COMMIT
    documents.documents[artifacts.channel("master")]["commit"] = "d" * 40
    assert await firmware.channel_commit("master") == "d" * 40


async def test_what_is_not_there_is_looked_for_again() -> None:
    documents = Documents({})
    firmware = PublishedFirmware(documents)
    for _ in range(2):
        assert await firmware.channel_commit("master") is None
        assert await firmware.manifest(COMMIT) is None
        assert await firmware.keyboard(COMMIT, KEYBOARD) is None
        assert await firmware.aliases(COMMIT) == {}
    assert len(documents.reads) == 8


@pytest.mark.parametrize("broken", [{}, {"commit": 5}, {"keyboards": {KEYBOARD: []}}])
async def test_what_is_broken_is_storages_fault_and_nobody_elses(broken: dict[str, Any]) -> None:
    keys = [
        artifacts.channel("master"),
        artifacts.manifest(COMMIT),
        artifacts.keyboard_aliases(COMMIT),
        artifacts.keyboard_info(COMMIT, KEYBOARD),
    ]
    firmware = PublishedFirmware(published(**dict.fromkeys(keys, broken)))
    for read in (
        firmware.channel_commit("master"),
        firmware.manifest(COMMIT),
        firmware.aliases(COMMIT),
        firmware.keyboard(COMMIT, KEYBOARD),
    ):
        with pytest.raises(StorageUnavailableError):
            await read
