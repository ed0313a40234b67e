"""Records of keyboards: asked for once, made by a test alone, used by everybody, never trusted."""

import hashlib
import json
import secrets
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from qmk_contract import artifacts
from qmk_contract.codec import to_body
from qmk_contract.keyboard_record import record_digest
from qmk_contract.record_job import record_job_name
from qmk_contract.record_pointer import RecordPointer
from qmk_contract.result import BuildPath, RecordUse
from qmk_contract.snapshot import Layer
from tests.integration.operator_process import TOOLCHAIN_DIGEST
from tests.integration.operator_system import OperatorSystem, StartSystem
from tests.integration.published import (
    KEYBOARD,
    LAYOUT,
    key_of,
    keymap,
    publish,
    put,
    put_json,
    upload,
)
from tests.waiting import wait_for

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = pytest.mark.timeout(240)

PLAIN = {"layout": LAYOUT, "layers": [["KC_NO"] * 3]}
RECORD = b"compiled objects"
FAST: dict[str, Any] = {
    "path": BuildPath.FAST,
    "record": RecordUse.USED,
    "times": {"queue": 3, "compile": 250, "link": 70},
    "sandbox": ("landlock-7", "seccomp", "rlimits"),
}


class Tree:
    """A published tree that nothing has been recorded of."""

    def __init__(self, s3: "S3Client") -> None:
        self._s3 = s3
        self.commit = secrets.token_hex(20)
        self.channel = f"tree-{self.commit[:8]}"
        tree = self.commit.encode()
        publish(s3, self.commit, self.channel, tree=tree, generator=True)
        layers = [Layer(name, 4, hashlib.sha256(tree).hexdigest()) for name in ("core", "demo")]
        self.digest = record_digest(layers, TOOLCHAIN_DIGEST)
        self.record_job = record_job_name(self.digest, KEYBOARD)

    def make(self, system: OperatorSystem, code: str, name: str | None = None) -> str:
        """A user's CompileJob."""
        body = keymap(code)
        return system.jobs.make(body, name or self.key(body), firmwareCommit=self.commit)

    def key(self, body: dict[str, Any]) -> str:
        return key_of(body, self.commit)

    def upload(self, body: dict[str, Any], **changes: Any) -> None:
        upload(self._s3, self.key(body), firmware_commit=self.commit, **changes)

    def store_record(self, **changes: Any) -> None:
        """What the pod of a recording build leaves."""
        sha256 = hashlib.sha256(RECORD).hexdigest()
        values = {"digest": self.digest, "keyboard": KEYBOARD, "size": len(RECORD)}
        pointer = RecordPointer(
            **{**values, "sha256": sha256, "created": datetime.now(UTC), **changes}
        )
        key = artifacts.keyboard_record(self.digest, KEYBOARD)
        put(self._s3, key, RECORD, artifacts.ZSTD)
        put_json(self._s3, artifacts.record_pointer(self.digest, KEYBOARD), to_body(pointer))


@pytest.fixture
def tree(system: OperatorSystem) -> Tree:
    return Tree(system.s3)


def orders(system: OperatorSystem, name: str) -> tuple[dict[str, Any], dict[str, str]]:
    """What ``build`` and ``upload`` of a Job are told: the order, and the URLs by name."""
    build, upload = system.jobs.wait_job(name).spec.template.spec.containers
    return json.loads(build.env[0].value), json.loads(upload.env[0].value)["targets"]


def finish(system: OperatorSystem, name: str, tree: Tree, body: dict[str, Any]) -> None:
    """Let the pod of a Job run and leave its firmware, not before the Job was decided on."""
    pod = system.node.pod(name)
    system.node.start(pod)
    tree.upload(body)
    system.node.end(pod)


def test_a_keyboard_is_recorded_once_and_then_used(system: OperatorSystem, tree: Tree) -> None:
    first = tree.make(system, "KC_A")
    order, targets = orders(system, first)
    assert "record" not in order
    assert order["recordDigest"] == tree.digest
    assert artifacts.generator(tree.commit) in order["generator"]["url"]
    assert (order["recording"], artifacts.RECORD in targets) == (False, False)
    finish(system, first, tree, keymap("KC_A"))
    done = system.jobs.wait(first, "Succeeded", "Completed")
    assert (done["path"], done["record"]) == ("full", "absent")

    order, targets = orders(system, tree.record_job)
    assert order["recording"] is True
    assert artifacts.keyboard_record(tree.digest, KEYBOARD) in targets[artifacts.RECORD]
    assert artifacts.record_pointer(tree.digest, KEYBOARD) in targets[artifacts.RECORD_POINTER]

    again = tree.make(system, "KC_B")
    finish(system, again, tree, keymap("KC_B"))
    system.jobs.wait(again, "Succeeded")
    body = system.jobs.get(tree.record_job)
    assert body is not None
    assert (body["spec"]["class"], body["spec"]["client"]) == ("test", "records")
    assert body["spec"]["keymap"] == PLAIN

    tree.store_record()
    finish(system, tree.record_job, tree, PLAIN)
    system.jobs.wait(tree.record_job, "Succeeded", "Completed")

    name = f"fast-{tree.channel}"

    def record_of_next() -> Any:
        made = tree.make(system, "KC_C", f"{name}-{secrets.token_hex(3)}")
        order, _ = orders(system, made)
        system.jobs.patch(made, cancel=True)
        system.jobs.wait(made, "Cancelled")
        return order.get("record")

    record = wait_for("a build with a record", record_of_next, seconds=20, interval=1)
    assert (record["size"], record["sha256"]) == (len(RECORD), hashlib.sha256(RECORD).hexdigest())

    before = system.jobs.writes()
    fast = system.jobs.make(
        keymap("KC_D"), tree.key(keymap("KC_D")), firmwareCommit=tree.commit,
        ttlSecondsAfterFinished=1,
    )  # fmt: skip
    pod = system.node.pod(fast)
    system.node.start(pod)
    system.jobs.wait(fast, "Running")
    tree.upload(keymap("KC_D"), **FAST)
    system.node.end(pod)
    done = system.jobs.wait(fast, "Succeeded")
    assert (done["path"], done["record"]) == ("fast", "used")
    assert done["times"] == FAST["times"]
    system.jobs.wait_gone(fast)
    written = {key: count - before.get(key, 0) for key, count in system.jobs.writes().items()}
    assert sum(written.values()) <= 5, written

    lines = system.operator.metrics().splitlines()
    for line in (
        'qmk_compile_builds_total{path="fast",record="used"} 1.0',
        'qmk_compile_step_seconds_sum{path="fast",step="link"} 0.07',
        'qmk_compile_sandbox_layers_total{layer="landlock"} 1.0',
        'qmk_records_asked_total{outcome="created"} 1.0',
        'qmk_records_asked_total{outcome="exists"} 1.0',
    ):
        assert line in lines


def test_firmware_that_is_there_does_not_stand_for_a_record(
    system: OperatorSystem, tree: Tree
) -> None:
    tree.upload(PLAIN)
    first = tree.make(system, "KC_A")
    finish(system, first, tree, keymap("KC_A"))
    order, _ = orders(system, tree.record_job)
    assert (order["recording"], order["key"]) == (True, tree.key(PLAIN))
    user = system.jobs.make(PLAIN, tree.key(PLAIN), firmwareCommit=tree.commit)
    system.jobs.wait(user, "Succeeded", "Cached")
    tree.store_record()
    finish(system, tree.record_job, tree, PLAIN)
    system.jobs.wait(tree.record_job, "Succeeded", "Completed")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"keyboard": "demo/other"}, "foreign"),
        ({"digest": "0" * 64}, "foreign"),
        ({"size": 1 << 40}, "size"),
        ({"sha256": "x"}, "unreadable"),
    ],
)
def test_a_pointer_of_another_record_is_ignored_and_counted(
    system: OperatorSystem, tree: Tree, changes: dict[str, Any], fault: str
) -> None:
    line = f'qmk_record_pointers_rejected_total{{fault="{fault}"}} '
    before = counted(system, line)
    tree.store_record(**changes)
    order, targets = orders(system, tree.make(system, "KC_A"))
    assert "record" not in order
    assert (order["recording"], artifacts.RECORD in targets) == (False, False)
    assert counted(system, line) == before + 1


def test_a_users_plain_keymap_records_nothing(system: OperatorSystem, tree: Tree) -> None:
    for job_class in ("interactive", "ci"):
        name = system.jobs.make(
            PLAIN, f"{job_class}-{tree.channel}", firmwareCommit=tree.commit,
            **{"class": job_class, "client": "records"},
        )  # fmt: skip
        order, targets = orders(system, name)
        assert order["recording"] is False
        assert set(targets) == {"firmware", "log.txt", "failed-log.txt", "keymap.c", "result.json"}
        system.jobs.patch(name, cancel=True)
        system.jobs.wait(name, "Cancelled")


def test_nothing_is_recorded_where_that_is_switched_off(start_system: StartSystem) -> None:
    with start_system(QMK_RECORDS="false", QMK_SANDBOX="prefer") as system:
        tree = Tree(system.s3)
        name = tree.make(system, "KC_A")
        order, _ = orders(system, name)
        assert order["sandbox"] == "prefer"
        finish(system, name, tree, keymap("KC_A"))
        system.jobs.wait(name, "Succeeded")
        last = tree.make(system, "KC_B")
        system.jobs.wait_job(last)
        assert system.jobs.get(tree.record_job) is None


def test_a_test_gives_its_slot_to_a_user_and_is_built_later(start_system: StartSystem) -> None:
    with start_system(QMK_MAX_RUNNING="1") as system:
        test = system.jobs.make(keymap("KC_T1"), "test", **{"class": "test"})
        pod = system.node.pod(test)
        system.node.start(pod)
        system.jobs.wait(test, "Running")
        user = system.jobs.make(keymap("KC_T2"), "user")
        system.jobs.wait_job(user)
        status = system.jobs.wait(test, "Queued", "WaitingForSlot")
        assert "jobName" not in status
        assert system.jobs.job(test) is None
        system.node.forget(pod)
        second = system.node.pod(user)
        system.node.start(second)
        upload(system.s3, key_of(keymap("KC_T2")))
        system.node.end(second)
        system.jobs.wait(user, "Succeeded")
        again = system.node.pod(test, number=2)
        system.node.start(again)
        upload(system.s3, key_of(keymap("KC_T1")))
        system.node.end(again)
        system.jobs.wait(test, "Succeeded", "Completed")


def counted(system: OperatorSystem, line: str) -> float:
    lines = system.operator.metrics().splitlines()
    return sum(float(one.removeprefix(line)) for one in lines if one.startswith(line))
