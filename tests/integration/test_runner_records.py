"""A keyboard's record, from the build that leaves it to those that it serves."""

from typing import Any

import pytest

from qmk_contract import artifacts
from qmk_contract.phases import Reason
from qmk_contract.record_pointer import RECORD_BYTES_MAX
from qmk_contract.result import BuildPath, BuildResult, RecordUse
from tests.build_pod import BuildPod
from tests.integration.stored_pod import CLUEBOARD, KEYS, LAYOUT, SEARCH_PATH, StoredPod

PAD, PAD_KEYS = "demo/pad6", 6
KEYMAP = [["KC_A", "MO(1)", "LT(1,KC_C)", *["KC_D"] * (KEYS - 3)], ["KC_TRNS"] * KEYS]


@pytest.fixture
def recorded(stored_pod: StoredPod) -> StoredPod:
    """A pod whose storage has the record of CLUEBOARD."""
    record(stored_pod)
    return stored_pod


def record(pod: StoredPod) -> BuildResult:
    """Build as the operator has it built to leave a record, in a folder beside the pod's."""
    (pod.scratch / "recording").mkdir()
    other = BuildPod(pod.scratch / "recording", SEARCH_PATH)
    code, output = other.run("build", pod.recording_order(CLUEBOARD, LAYOUT, KEYS))
    assert code == 0, output
    code, output = other.run("upload", pod.upload_order(CLUEBOARD))
    assert (code, "record is stored" in output) == (0, True), output
    return other.result()


def build(pod: StoredPod, name: str, **changes: Any) -> BuildResult:
    """Build KEYMAP in a folder of its own."""
    (pod.scratch / name).mkdir()
    other = BuildPod(pod.scratch / name, SEARCH_PATH)
    code, output = other.run("build", pod.order(CLUEBOARD, LAYOUT, KEYMAP, **changes))
    assert code == 0, output
    return other.result()


def test_a_record_is_small_and_stored_beside_no_build(recorded: StoredPod) -> None:
    pointer = recorded.pointer(CLUEBOARD)
    assert (pointer.keyboard, pointer.digest) == (CLUEBOARD, recorded.digest(CLUEBOARD))
    assert 0 < pointer.size < min(1 << 20, RECORD_BYTES_MAX)
    assert len(recorded.keys("cache/")) == 2


def test_all_paths_make_the_same_bytes(recorded: StoredPod) -> None:
    files = recorded.recorded(CLUEBOARD)
    fast = build(recorded, "fast", **files)
    whole = build(recorded, "whole", **{**files, "generator": None})
    full = build(recorded, "full")
    assert (fast.path, fast.record) == (BuildPath.FAST, RecordUse.USED)
    assert (whole.path, whole.record) == (BuildPath.FAST, RecordUse.USED)
    assert (full.path, full.record) == (BuildPath.FULL, RecordUse.ABSENT)
    assert fast.firmware == whole.firmware == full.firmware
    assert fast.keymap_c == full.keymap_c
    assert fast.usage == full.usage
    assert fast.usage is not None
    assert {"landlock", "seccomp"} <= {layer.partition("-")[0] for layer in fast.sandbox}


def test_every_step_of_a_build_is_timed(recorded: StoredPod) -> None:
    fast = build(recorded, "fast", **recorded.recorded(CLUEBOARD))
    full = build(recorded, "full")
    assert {*fast.times} == {"fetch", "unpack", "generate", "compile", "link", "collect"}
    assert {*full.times} == {"fetch", "unpack", "generate", "compile", "collect"}
    for result in (fast, full):
        took = 1000 * (result.finished - result.started).total_seconds()
        assert abs(took - sum(result.times.values())) < 50


@pytest.mark.parametrize(
    "request_fields",
    [{"config": {"tapping": {"term": 123}}}, {"keycodes": [{"key": "MINE", "aliases": ["ALSO"]}]}],
)
def test_a_keymap_that_changes_more_makes_the_same_bytes_with_a_record(
    recorded: StoredPod, request_fields: dict[str, Any]
) -> None:
    partial = build(recorded, "partial", request=request_fields, **recorded.recorded(CLUEBOARD))
    full = build(recorded, "full", request=request_fields)
    assert partial.record is RecordUse.USED
    assert partial.firmware == full.firmware


@pytest.mark.parametrize(
    ("keycode", "reason"), [("KC_NOPE", Reason.COMPILE_ERROR), ("KC_A", Reason.COMPLETED)]
)
def test_verdict_and_diagnostics_are_the_same_with_a_record(
    recorded: StoredPod, keycode: str, reason: Reason
) -> None:
    layers = [[*KEYMAP[0][:5], keycode, *KEYMAP[0][6:]], KEYMAP[1]]
    results = []
    for name, files in (("fast", recorded.recorded(CLUEBOARD)), ("full", {})):
        (recorded.scratch / name).mkdir()
        other = BuildPod(recorded.scratch / name, SEARCH_PATH)
        other.run("build", recorded.order(CLUEBOARD, LAYOUT, layers, **files))
        results.append(other.result())
    fast, full = results
    assert (fast.reason, fast.path) == (reason, BuildPath.FAST)
    assert (fast.reason, fast.message) == (full.reason, full.message)
    assert fast.diagnostics == full.diagnostics


@pytest.mark.parametrize("fault", ["corrupt", "truncated", "gone", "another keyboard's"])
def test_a_record_that_is_none_leads_to_the_same_bytes(recorded: StoredPod, fault: str) -> None:
    full = build(recorded, "full")
    files = recorded.recorded(CLUEBOARD)
    key = artifacts.keyboard_record(recorded.digest(CLUEBOARD), CLUEBOARD)
    data = recorded.s3.get_object(Bucket="qmk", Key=key)["Body"].read()
    match fault:
        case "corrupt":
            recorded.s3.put_object(Bucket="qmk", Key=key, Body=data[:100] + b"!" + data[101:])
        case "truncated":
            recorded.s3.put_object(Bucket="qmk", Key=key, Body=data[:-1])
        case "gone":
            recorded.s3.delete_object(Bucket="qmk", Key=key)
        case _:
            files["record_digest"] = "0" * 64
    other = build(recorded, "other", **files)
    use = RecordUse.ABSENT if fault == "gone" else RecordUse.REJECTED
    assert (other.path, other.record) == (BuildPath.FULL, use)
    assert other.firmware == full.firmware
