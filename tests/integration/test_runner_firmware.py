"""Build and upload with the demo tree, the real ``qmk``, avr-gcc, zstd and an S3 server."""

import json
from typing import Any

import pytest
from intelhex import IntelHex

from qmk_contract import artifacts
from qmk_contract.exit_codes import ExitCode
from qmk_contract.phases import Reason
from tests.build_pod import KEY, ROOT, BuildPod
from tests.integration.s3_server import BUCKET
from tests.integration.stored_pod import CLUEBOARD, KEYS, LAYOUT, SEARCH_PATH, StoredPod


def keymap(*changes: tuple[int, int, str], layers: int = 2) -> list[list[str]]:
    made = [["KC_A"] * KEYS for _ in range(layers)]
    for layer, key, keycode in changes:
        made[layer][key] = keycode
    return made


def test_a_keymap_becomes_a_firmware_in_storage(stored_pod: StoredPod) -> None:
    upload = stored_pod.start("upload", stored_pod.upload_order())
    code, output = stored_pod.run("build", stored_pod.order(CLUEBOARD, LAYOUT, keymap()))
    assert code == 0, output
    assert upload.wait(20) == 0
    result = stored_pod.stored_result()
    assert (result.reason, result.diagnostics) == (Reason.COMPLETED, ())
    assert result.firmware is not None
    image = IntelHex()
    (stored_pod.scratch / "copy.hex").write_bytes(stored_pod.stored(artifacts.FIRMWARE))
    image.loadhex(str(stored_pod.scratch / "copy.hex"))
    assert result.usage is not None
    assert result.usage.flash is not None
    assert result.usage.ram is not None
    assert len(image) == result.usage.flash.used < (result.usage.flash.limit or 0)
    assert 0 < result.usage.ram.used < 2560
    assert b"[0] = LAYOUT_66_ansi(KC_A," in stored_pod.stored(artifacts.KEYMAP_C)
    log = stored_pod.stored(artifacts.LOG).decode()
    assert "The firmware size is fine" in log
    assert str(stored_pod.scratch) not in log
    assert "\x1b" not in log
    head = stored_pod.s3.head_object(Bucket=BUCKET, Key=artifacts.build(KEY, artifacts.LOG))
    assert head["ContentType"] == artifacts.TEXT


def test_two_builds_have_the_same_bytes(stored_pod: StoredPod) -> None:
    order = stored_pod.order(CLUEBOARD, LAYOUT, keymap())
    digests = set()
    for scratch in (stored_pod.scratch / "one", stored_pod.scratch / "another"):
        scratch.mkdir()
        other = BuildPod(scratch, SEARCH_PATH)
        assert other.run("build", order)[0] == 0
        firmware = other.result().firmware
        digests.add(firmware and firmware.sha256)
    assert len(digests) == 1


def test_an_unknown_keycode_is_named_with_layer_and_key(stored_pod: StoredPod) -> None:
    layers = keymap((1, 3, "KC_NOPE"), (1, 7, "LT(1,KC_ALSO_NOPE)"))
    assert stored_pod.run("build", stored_pod.order(CLUEBOARD, LAYOUT, layers))[0] == 0
    result = stored_pod.result()
    assert (result.reason, result.firmware) == (Reason.COMPILE_ERROR, None)
    assert "KC_NOPE" in result.message
    places = [(item.layer, item.key, item.keycode, item.file) for item in result.diagnostics]
    assert (1, 3, "KC_NOPE", "keymap.c") in places
    assert (1, 7, "LT(1,KC_ALSO_NOPE)", "keymap.c") in places


@pytest.mark.parametrize(
    ("layout", "layers", "reason"),
    [
        ("LAYOUT_nope", keymap(), Reason.COMPILE_ERROR),
        (LAYOUT, [["KC_A"] * 65], Reason.COMPILE_ERROR),
        (LAYOUT, [["KC_A"] * 66, None], Reason.INVALID_KEYMAP),
    ],
)
def test_a_keymap_that_does_not_fit_is_the_requests_fault(
    stored_pod: StoredPod, layout: str, layers: Any, reason: Reason
) -> None:
    code, output = stored_pod.run("build", stored_pod.order(CLUEBOARD, layout, layers))
    assert code == 0, output
    assert (stored_pod.result().reason, stored_pod.result().firmware) == (reason, None)


def test_a_firmware_that_does_not_fit_says_by_how_much(stored_pod: StoredPod) -> None:
    layout, layers = default_keymap("demo/toolarge")
    code, output = stored_pod.run("build", stored_pod.order("demo/toolarge", layout, layers))
    assert code == 0, output
    result = stored_pod.result()
    assert (result.reason, result.firmware) == (Reason.FIRMWARE_TOO_LARGE, None)
    assert "bytes over" in result.message
    assert result.usage is not None
    assert result.usage.flash is not None
    assert result.usage.flash.used > (result.usage.flash.limit or 0) > 0


def test_a_build_that_takes_too_long_is_ended(stored_pod: StoredPod) -> None:
    layout, layers = default_keymap("demo/slow")
    order = stored_pod.order("demo/slow", layout, layers, timeout_seconds=3)
    assert stored_pod.run("build", order)[0] == ExitCode.TIMED_OUT
    assert stored_pod.run("upload", stored_pod.upload_order())[0] == ExitCode.NO_RESULT
    assert b"time limit" in stored_pod.stored(artifacts.FAILED_LOG)
    keys = stored_pod.s3.list_objects_v2(
        Bucket=BUCKET, Prefix=artifacts.build(KEY, artifacts.RESULT)
    )
    assert keys["KeyCount"] == 0


def default_keymap(keyboard: str) -> tuple[str, Any]:
    path = ROOT / "tests/firmware/keyboards" / keyboard / "keymaps/default/keymap.json"
    document = json.loads(path.read_text())
    return document["layout"], document["layers"]
