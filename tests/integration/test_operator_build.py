"""One CompileJob from its creation to its end, with a real operator and a real Job controller."""

import json

import pytest

from qmk_contract import artifacts
from tests.integration.operator_system import OperatorSystem
from tests.integration.played_node import NODE
from tests.integration.published import (
    ALIAS,
    COMMIT,
    FIRMWARE,
    exists,
    key_of,
    keymap,
    upload,
    upload_compile_error,
)
from tests.integration.s3_server import BUCKET

pytestmark = pytest.mark.timeout(180)


def test_a_build_succeeds_with_five_writes_at_most(system: OperatorSystem) -> None:
    before = system.jobs.writes()
    name = system.jobs.make(keymap("KC_1"), ttlSecondsAfterFinished=1)
    pod = system.node.pod(name)
    assert exists(system.s3, artifacts.build(name, artifacts.REQUEST))
    system.node.start(pod)
    running = system.jobs.wait(name, "Running", "Building")
    assert (running["nodeName"], running["podName"]) == (NODE, pod)
    upload(system.s3, name)
    system.node.end(pod)
    done = system.jobs.wait(name, "Succeeded", "Completed")
    assert done["firmware"]["fileName"] == "demo_pad3_keymap.hex"
    assert done["firmware"]["size"] == len(FIRMWARE)
    assert done["usage"]["flash"] == {"used": 100, "limit": 28672}
    assert done["attempts"]["build"] == 1
    assert done["cached"] is False
    assert {item["type"]: item["status"] for item in done["conditions"]} == {
        "Accepted": "True",
        "Admitted": "True",
        "Succeeded": "True",
    }
    system.jobs.wait_gone(name)
    after = system.jobs.writes()
    written = {key: count - before.get(key, 0) for key, count in after.items()}
    assert sum(written.values()) + len(system.jobs.events()) <= 5, written
    assert written["POST jobs"] == 1


def test_the_job_is_owned_and_its_pod_is_restricted(system: OperatorSystem) -> None:
    name = system.jobs.make(keymap("KC_2"))
    job = system.jobs.wait_job(name)
    body = system.jobs.get(name)
    assert body is not None
    (owner,) = job.metadata.owner_references
    assert (owner.kind, owner.uid, owner.controller) == (
        "CompileJob",
        body["metadata"]["uid"],
        True,
    )
    assert owner.block_owner_deletion is None
    order = json.loads(job.spec.template.spec.containers[0].env[0].value)
    assert order["key"] == name
    assert system.s3.meta.endpoint_url in order["request"]["url"]


def test_a_job_written_by_hand_is_built_like_any_other(system: OperatorSystem) -> None:
    body = keymap("KC_3")
    name = system.jobs.make(
        body, "by-hand", keyboard=ALIAS, firmwareCommit=None, keymapName="my-keymap"
    )
    pod = system.node.pod(name)
    assert system.jobs.status(name)["firmwareCommit"] == COMMIT
    system.node.start(pod)
    upload(system.s3, key_of(body))
    system.node.end(pod)
    done = system.jobs.wait(name, "Succeeded")
    assert done["buildKey"] == key_of(body)
    assert done["firmware"]["fileName"] == "demo_pad3_my-keymap.hex"


def test_a_build_that_is_there_already_is_not_built_again(system: OperatorSystem) -> None:
    body = keymap("KC_4")
    upload(system.s3, key_of(body))
    name = system.jobs.make(body, "cached")
    done = system.jobs.wait(name, "Succeeded", "Cached")
    assert done["cached"] is True
    assert system.jobs.job(name) is None


def test_a_keymap_that_does_not_compile_fails_with_its_diagnostics(system: OperatorSystem) -> None:
    name = system.jobs.make(keymap("KC_5"))
    pod = system.node.pod(name)
    system.node.start(pod)
    upload_compile_error(system.s3, name)
    system.node.end(pod)
    done = system.jobs.wait(name, "Failed", "CompileError")
    assert done["diagnostics"][0]["message"].startswith("'KC_NOPE0' undeclared")
    assert len(json.dumps(done)) <= 4096
    again = system.jobs.make(keymap("KC_5"), "again")
    assert system.jobs.wait(again, "Failed", "CompileError")["cached"] is True


@pytest.mark.parametrize(
    ("name", "reason", "spec"),
    [
        ("keyboard", "UnknownKeyboard", {"keyboard": "demo/none"}),
        ("layout", "UnknownLayout", {"keymap": {"layout": "LAYOUT_none", "layers": [["KC_A"]]}}),
        ("keys", "InvalidKeymap", {"keymap": {"layout": "LAYOUT", "layers": [["KC_A"]]}}),
        ("code", "InvalidKeymap", {"keymap": {"layout": "LAYOUT", "layers": [["a;b", "", ""]]}}),
        ("channel", "UnknownChannel", {"channel": "none", "firmwareCommit": None}),
        ("commit", "UnknownFirmwareCommit", {"firmwareCommit": "d" * 40}),
    ],
)
def test_a_request_that_cannot_be_built_is_refused(
    system: OperatorSystem, name: str, reason: str, spec: dict[str, object]
) -> None:
    values = {"keymap": keymap("KC_6"), **spec}
    refused = system.jobs.make(name=f"bad-{name}", **values)  # type: ignore[arg-type]
    done = system.jobs.wait(refused, "Failed", reason)
    assert done["conditions"][0]["type"] == "Accepted"
    assert done["conditions"][0]["status"] == "False"
    assert system.jobs.job(refused) is None


def test_success_without_firmware_is_a_failure(system: OperatorSystem) -> None:
    name = system.jobs.make(keymap("KC_7"))
    pod = system.node.pod(name)
    system.node.start(pod)
    upload(system.s3, name)
    system.s3.delete_object(Bucket=BUCKET, Key=artifacts.build(name, artifacts.FIRMWARE))
    system.node.end(pod)
    assert "firmware" not in system.jobs.wait(name, "Failed", "ArtifactMissing")


def test_success_without_a_result_is_a_failure(system: OperatorSystem) -> None:
    name = system.jobs.make(keymap("KC_8"))
    pod = system.node.pod(name)
    system.node.start(pod)
    system.node.end(pod)
    system.jobs.wait(name, "Failed", "ArtifactMissing")
