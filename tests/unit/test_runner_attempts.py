"""The attempts of one build, with a shell script in the place of the workbench."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from qmk_contract import artifacts
from qmk_contract.codec import from_body
from qmk_contract.exit_codes import ExitCode
from qmk_contract.phases import Reason
from qmk_contract.record_pointer import RECORD_BYTES_MAX, RecordPointer
from qmk_contract.result import BuildPath, Diagnostic, RecordUse
from qmk_contract.work_order import INTERNAL_KEYMAP_NAME, BuildOrder, Fetch, SandboxMode
from qmk_runner import build, diagnostics, sandbox
from qmk_runner.sandbox import SandboxUnavailableError
from qmk_runner.settings import Settings
from qmk_runner.workbench_order import WorkbenchOrder
from tests.build_pod import BuildPod, archive, build_order, install, install_workbench
from tests.http_storage import HttpStorage, http_storage

DIGEST = "b" * 64
OBJECTS = {
    "core": archive({"builddefs/build.mk": "core\n"}),
    "keyboard": archive({"keyboards/demo/pad/keyboard.json": "{}\n"}),
    "generator": archive({"lib/python/qmk/a.py": "generator\n"}),
    "record": archive({".build/obj/a.o": "an object\n"}),
}
LAYERS = ("core", "keyboard")
#: Leaves the order and the names of all files as attempt-1.json, attempt-1.txt and so on.
TELLS = """n=$(($(ls ../../attempt-*.json 2>/dev/null | wc -l) + 1))
cp $order ../../attempt-$n.json; find . ../record -type f > ../../attempt-$n.txt"""
MAKES = "echo made > demo_pad_qmk_compile.hex; echo said of attempt $n"
REQUEST: dict[str, Any] = {
    "version": 1,
    "keyboard": "demo/pad",
    "keymap": INTERNAL_KEYMAP_NAME,
    "layout": "LAYOUT",
    "layers": [["KC_A", "KC_B"]],
}
PLAIN = {"layers": [["KC_NO", "KC_NO"]]}


def report(
    path: str, record: str, *, needs_tree: bool = False, code: int = 0, note: str = ""
) -> str:
    """Shell that writes a report."""
    body = {
        "needsTree": needs_tree,
        "returncode": code,
        "path": path,
        "record": record,
        "note": note,
    }
    return f"echo '{json.dumps(body)}' > $report"


NEEDS_TREE = report("fast", "unfit", needs_tree=True, note="it has modules")
BOTH = f"""{TELLS}
if [ $n = 1 ]; then touch left-over; %s; else {MAKES}; {report("partial", "used")}; fi"""


@dataclass
class RecordedPod(BuildPod):
    """A pod whose order has a record."""

    storage: HttpStorage = field(default_factory=HttpStorage)

    @property
    def bin(self) -> Path:
        return self.scratch.parent / "bin"

    def order(self, request: dict[str, Any] | None = None, **changes: Any) -> BuildOrder:
        self.storage.objects["request"] = json.dumps(REQUEST | (request or {})).encode()
        recorded = {"generator": self.fetch("generator"), "record": self.fetch("record")}
        return build_order(
            "demo/pad",
            Fetch(self.storage.url_of("request")),
            map(self.fetch, LAYERS),
            **recorded | {"record_digest": DIGEST} | changes,
        )

    def fetch(self, name: str) -> Fetch:
        data = OBJECTS[name]
        self.storage.objects.setdefault(name, data)
        return Fetch(self.storage.url_of(name), hashlib.sha256(data).hexdigest(), len(data))

    def attempts(self) -> list[WorkbenchOrder]:
        found = sorted(self.scratch.glob("attempt-*.json"))
        return [from_body(WorkbenchOrder, json.loads(path.read_text())) for path in found]

    def files(self, attempt: int) -> set[str]:
        return set((self.scratch / f"attempt-{attempt}.txt").read_text().split())

    def log(self) -> str:
        return (self.shared / artifacts.LOG).read_text()


@pytest.fixture
def pod(tmp_path: Path) -> Iterator[RecordedPod]:
    install(tmp_path / "bin", "zstd", "exec cat")
    (tmp_path / "scratch").mkdir()
    with http_storage() as storage:
        made = RecordedPod(tmp_path / "scratch", f"{tmp_path}/bin:/usr/bin:/bin", storage=storage)
        yield made
        made.end()


def test_a_record_that_serves_needs_no_tree(pod: RecordedPod) -> None:
    install_workbench(pod.bin, f"{TELLS}; {MAKES}; {report('fast', 'used')}")
    assert pod.run("build", pod.order())[0] == 0
    result = pod.result()
    assert (result.path, result.record) == (BuildPath.FAST, RecordUse.USED)
    assert result.firmware is not None
    (order,) = pod.attempts()
    assert (order.attempt, order.record_digest) == ("recorded", DIGEST)
    assert pod.files(1) == {"./lib/python/qmk/a.py", "../record/.build/obj/a.o"}
    assert not {*LAYERS} & {*pod.storage.asked}


def test_a_keymap_that_a_record_cannot_serve_gets_a_tree_that_nobody_touched(
    pod: RecordedPod,
) -> None:
    install_workbench(pod.bin, BOTH % f"echo said first; {NEEDS_TREE}")
    assert pod.run("build", pod.order())[0] == 0
    result = pod.result()
    assert (result.path, result.record) == (BuildPath.PARTIAL, RecordUse.USED)
    first, second = pod.attempts()
    assert (second.attempt, second.record) == ("whole", first.record)
    assert (second.tree, second.home, second.keymap) == (first.tree, first.home, first.keymap)
    assert pod.files(2) == {
        "./builddefs/build.mk",
        "./keyboards/demo/pad/keyboard.json",
        "../record/.build/obj/a.o",
    }
    told = "The keyboard's record does not serve here: it has modules."
    assert pod.log() == f"said first\n{told}\nsaid of attempt 2\n"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"config": {"features": {"nkro": True}}}, "whole"),
        ({"converter": "promicro"}, "whole"),
        ({"modules": ["a/b"]}, "whole"),
        ({"host_language": "german"}, "whole"),
        ({"keycodes": [{"key": "A"}]}, "whole"),
        ({"macros": [["x"]], "encoders": [], "config": {}}, "recorded"),
    ],
)
def test_fields_that_ask_for_the_tree_save_the_try_without(
    pod: RecordedPod, change: dict[str, Any], expected: str
) -> None:
    install_workbench(pod.bin, f"{TELLS}; {MAKES}; {report('fast', 'used')}")
    pod.run("build", pod.order(change))
    (order,) = pod.attempts()
    assert (order.attempt, order.record is not None) == (expected, True)


@pytest.mark.parametrize("fault", ["another", "truncated", "no archive", "too large"])
def test_a_record_that_is_not_what_its_order_says_is_left_aside(
    pod: RecordedPod, fault: str
) -> None:
    install_workbench(pod.bin, f"{TELLS}; {MAKES}")
    data = OBJECTS["record"]
    order = pod.order()
    match fault:
        case "another":
            pod.storage.objects["record"] = data[::-1]
        case "truncated":
            pod.storage.objects["record"] = data[:-512]
        case "no archive":
            text = b"no archive at all" * 100
            pod.storage.objects["record"] = text
            fetch = Fetch(pod.storage.url_of("record"), hashlib.sha256(text).hexdigest(), len(text))
            order = pod.order(record=fetch)
        case "too large":
            order = pod.order(
                record=Fetch(pod.storage.url_of("record"), None, RECORD_BYTES_MAX + 1)
            )
    began = time.monotonic()
    assert pod.run("build", order)[0] == 0
    assert time.monotonic() - began < 4
    result = pod.result()
    assert (result.path, result.record) == (BuildPath.FULL, RecordUse.REJECTED)
    (attempt,) = pod.attempts()
    assert (attempt.attempt, attempt.record) == ("whole", None)
    assert not any("record" in name for name in pod.files(1))
    assert ("record" in pod.log(), "Signature" in pod.log()) == (True, False)


@pytest.mark.parametrize("fault", ["missing", "refused", "late"])
def test_a_record_that_does_not_come_is_absent_and_not_rejected(
    pod: RecordedPod, fault: str
) -> None:
    install_workbench(pod.bin, f"{TELLS}; {MAKES}")
    order = pod.order()
    match fault:
        case "missing":
            del pod.storage.objects["record"]
        case "refused":
            pod.storage.statuses["record"] = [503] * 100
        case "late":
            pod.storage.held["record"] = threading.Event()
            order = pod.order(fetch_seconds=2)
    assert pod.run("build", order)[0] == 0
    assert (pod.result().path, pod.result().record) == (BuildPath.FULL, RecordUse.ABSENT)
    assert [attempt.record for attempt in pod.attempts()] == [None]
    assert "Cannot fetch the record" in pod.log()


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        ("tar: x: Cannot write: No space left on device", ExitCode.OUT_OF_DISK),
        ("tar: x: Cannot write: Disk quota exceeded", ExitCode.OUT_OF_DISK),
        ("tar: Child died with signal 9", ExitCode.OUT_OF_MEMORY),
        ("tar: Cannot fork: Resource temporarily unavailable", ExitCode.OUT_OF_MEMORY),
        ("zstd: error 11 : Allocation error : not enough memory", ExitCode.OUT_OF_MEMORY),
        ("", ExitCode.OUT_OF_MEMORY),
    ],
)
def test_a_node_without_room_to_unpack_a_record_says_nothing_against_it(
    pod: RecordedPod, ends: str, code: ExitCode
) -> None:
    fails = f"echo '{ends}'; echo 'tar: Error is not recoverable: exiting now'; exit 2"
    install(
        pod.bin,
        "tar",
        f"""case "$*" in *downloads/record*) exec >&2; {fails if ends else "kill -9 $$"};; esac
        exec /usr/bin/tar "$@" """,
    )
    install_workbench(pod.bin, f"{TELLS}; {MAKES}")
    assert pod.run("build", pod.order())[0] == code
    assert not (pod.shared / artifacts.RESULT).exists()
    assert not pod.attempts()


def test_without_a_generator_the_record_still_helps_the_whole_tree(pod: RecordedPod) -> None:
    install_workbench(pod.bin, f"{TELLS}; {MAKES}; {report('partial', 'used')}")
    order = pod.order()
    del pod.storage.objects["generator"]
    assert pod.run("build", order)[0] == 0
    assert (pod.result().path, pod.result().record) == (BuildPath.PARTIAL, RecordUse.USED)
    (attempt,) = pod.attempts()
    assert (attempt.attempt, attempt.record is not None) == ("whole", True)


def test_a_record_that_the_workbench_rejects_is_rejected(pod: RecordedPod) -> None:
    ends = report("fast", "rejected", needs_tree=True)
    install_workbench(pod.bin, f"{TELLS}\nif [ $n = 1 ]; then {ends}; else {MAKES}; fi")
    assert pod.run("build", pod.order())[0] == 0
    assert pod.result().record is RecordUse.REJECTED
    assert [order.record is None for order in pod.attempts()] == [False, True]


@pytest.mark.parametrize(
    "ends",
    [
        report("fast", "used"),
        "echo 'cc1: internal compiler error: Aborted'; " + report("fast", "used", code=1),
        "kill -9 $$",
        "echo nonsense > $report",
        "ln -s $order $report",
        f"{report('fast', 'used')}; head -c 100000 /dev/zero >> $report",
        "mkfifo $report",
        'echo \'{"needsTree": false, "returncode": 0, "path": "new"}\' > $report',
    ],
)
def test_a_record_that_breaks_an_attempt_is_kept_from_the_next(pod: RecordedPod, ends: str) -> None:
    install_workbench(pod.bin, f"{TELLS}\nif [ $n = 1 ]; then {ends}; else {MAKES}; fi")
    assert pod.run("build", pod.order())[0] == 0
    result = pod.result()
    assert (result.reason, result.record) == (Reason.COMPLETED, RecordUse.UNFIT)
    assert [order.record is None for order in pod.attempts()] == [False, True]


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (NEEDS_TREE, report("partial", "used", code=2), 1),
        ("kill -9 $$", report("full", "absent", code=2), 1),
        (report("fast", "used", code=2), "exit 1", 1),
        ("exec sleep 30", "exit 1", 0),
        ("echo 'gcc: error: Killed (program cc1)'; exit 2", "exit 1", 0),
        (f"{MAKES}; {NEEDS_TREE}", "exec sleep 30", 0),
    ],
)
def test_only_an_end_that_is_a_result_is_searched_for_messages(
    pod: RecordedPod, monkeypatch: pytest.MonkeyPatch, first: str, second: str, told: int
) -> None:
    parsed: list[str] = []

    def parse(log: str, *_arguments: object) -> tuple[Diagnostic, ...]:
        parsed.append(log)
        return ()

    monkeypatch.setattr(diagnostics, "parse", parse)
    install_workbench(
        pod.bin, f"{TELLS}; echo x.c:1:1: error: e\nif [ $n = 1 ]; then {first}; else {second}; fi"
    )
    pod.shared.mkdir()
    settings = Settings(
        order="", scratch=pod.scratch, shared=pod.shared, search_path=pod.search_path
    )
    build.run(pod.order(timeout_seconds=2), settings, datetime.now(UTC))
    assert len(parsed) == told


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("src/keymap.c:1:2: error: nope", Reason.COMPILE_ERROR),
        (" * The firmware is too large! 31378/28672 (2706 bytes over)", Reason.FIRMWARE_TOO_LARGE),
    ],
)
def test_the_requests_own_fault_is_found_without_the_tree(
    pod: RecordedPod, says: str, reason: Reason
) -> None:
    install_workbench(pod.bin, f"{TELLS}; echo '{says}'; {report('fast', 'used', code=2)}")
    assert pod.run("build", pod.order())[0] == 0
    assert (pod.result().reason, pod.result().returncode) == (reason, 2)
    assert len(pod.attempts()) == 1


def test_one_time_limit_holds_for_all_attempts(pod: RecordedPod) -> None:
    install_workbench(pod.bin, f"{TELLS}; [ $n = 1 ] || exec sleep 30; sleep 1; {NEEDS_TREE}")
    began = time.monotonic()
    assert pod.run("build", pod.order(timeout_seconds=2))[0] == ExitCode.TIMED_OUT
    assert time.monotonic() - began < 6
    assert len(pod.attempts()) == 2


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("echo 'cc1: error: x.s: No space left on device'; exit 2", ExitCode.OUT_OF_DISK),
        ("echo 'gcc: error: Killed (program cc1)'; exit 2", ExitCode.OUT_OF_MEMORY),
        ("exec sleep 30", ExitCode.TIMED_OUT),
    ],
)
def test_what_would_befall_the_whole_tree_as_well_is_not_tried_again(
    pod: RecordedPod, script: str, code: ExitCode
) -> None:
    install_workbench(pod.bin, f"{TELLS}; {script}")
    assert pod.run("build", pod.order(timeout_seconds=1))[0] == code
    assert len(pod.attempts()) == 1
    assert not (pod.shared / artifacts.RESULT).exists()


def test_what_a_report_may_say_has_bounds(pod: RecordedPod) -> None:
    fields = {
        "needsTree": False, "returncode": 0, "path": "fast", "record": "used",
        "command": ["\x1b[31mqmk", *["x"] * 100],
        "times": {"generate": 5, "compile": 10**9, "link": -1, "upload": 3},
        "sandbox": ["landlock-99", "<b>"],
    }  # fmt: skip
    install_workbench(pod.bin, f"{MAKES}; echo '{json.dumps(fields)}' > $report")
    assert pod.run("build", pod.order())[0] == 0
    result = pod.result()
    assert result.command == (
        *("qmk", "--no-color", "compile", "-j", "2"),
        *("-e", "SKIP_VERSION=yes", "keymap.json"),
    )
    assert result.sandbox == sandbox.layers()
    assert set(result.times) == {"fetch", "unpack", "generate", "collect"}


def test_words_that_no_encoding_has_are_no_end_of_a_build(pod: RecordedPod) -> None:
    body = {"needsTree": False, "returncode": 0, "path": "fast", "record": "used"}
    body |= {"note": "b\udfff"}
    (pod.scratch / "forged.json").write_text(json.dumps(body))
    install_workbench(pod.bin, f"{MAKES}; cp ../../forged.json $report")
    assert pod.run("build", pod.order())[0] == 0
    assert "b?." in pod.log()


@pytest.mark.parametrize("code", [-65, 256, 10**9])
def test_a_report_of_an_end_that_no_program_has_is_none(pod: RecordedPod, code: int) -> None:
    first = report("fast", "used", code=code)
    install_workbench(pod.bin, f"{TELLS}; {MAKES}; [ $n = 1 ] && {first}; true")
    assert pod.run("build", pod.order())[0] == 0
    assert pod.result().returncode == 0
    assert len(pod.attempts()) == 2


def test_a_sandbox_that_the_kernel_refuses_ends_the_build_as_one(pod: RecordedPod) -> None:
    install(pod.bin, "python3", f"exit {int(ExitCode.NO_SANDBOX)}")
    assert pod.run("build", pod.order())[0] == ExitCode.NO_SANDBOX
    assert "sandbox" in pod.log()
    assert not (pod.shared / artifacts.RESULT).exists()


def test_the_waits_before_the_build_are_told(pod: RecordedPod) -> None:
    install_workbench(pod.bin, MAKES)
    now = datetime.now(UTC)
    order = pod.order(requested=now - timedelta(seconds=9), admitted=now - timedelta(seconds=2))
    assert pod.run("build", order)[0] == 0
    assert pod.result().times["queue"] == 7000
    assert 2000 <= pod.result().times["start"] < 30_000


def test_a_recording_build_leaves_its_record_and_uses_none(pod: RecordedPod) -> None:
    to = "$(dirname $report)/record.tar.zst"
    install_workbench(pod.bin, f"{TELLS}; {MAKES}; echo objects > {to}")
    assert pod.run("build", pod.order(PLAIN, recording=True))[0] == 0
    (attempt,) = pod.attempts()
    assert (attempt.attempt, attempt.record) == ("whole", None)
    assert pod.result().record is RecordUse.ABSENT
    text = (pod.shared / artifacts.RECORD_POINTER).read_bytes()
    pointer = from_body(RecordPointer, json.loads(text))
    assert (pointer.digest, pointer.keyboard, pointer.size) == (DIGEST, "demo/pad", 8)
    assert (pod.shared / artifacts.RECORD).read_text() == "objects\n"


@pytest.mark.parametrize("fault", ["none", "link", "failed"])
def test_a_recording_build_without_a_record_is_a_build_all_the_same(
    pod: RecordedPod, fault: str
) -> None:
    to = "$(dirname $report)/record.tar.zst"
    leave = {"none": ":", "link": f"ln -s $order {to}", "failed": f"echo x > {to}; exit 1"}[fault]
    install_workbench(pod.bin, f"{MAKES}; {leave}")
    assert pod.run("build", pod.order(PLAIN, recording=True))[0] == 0
    assert not (pod.shared / artifacts.RECORD).exists()


@pytest.mark.parametrize("change", [{"layers": [["KC_A"]]}, {"macros": [["x"]]}])
def test_a_users_own_words_are_never_recorded(pod: RecordedPod, change: dict[str, Any]) -> None:
    install_workbench(pod.bin, MAKES)
    order = pod.order(PLAIN | change, recording=True)
    assert pod.run("build", order)[0] == ExitCode.BAD_ORDER


@pytest.mark.parametrize(("flags", "told"), [("-DVIA_ENABLE", True), ("-DVIA_ENABLED", False)])
def test_a_board_with_via_is_told_what_becomes_of_its_saved_keymap(
    pod: RecordedPod, flags: str, told: bool
) -> None:
    folder = ".build/obj_demo_pad_qmk_compile"
    install_workbench(
        pod.bin, f"{MAKES}; mkdir -p {folder}; echo '-O {flags} x' > {folder}/cflags.txt"
    )
    assert pod.run("build", pod.order())[0] == 0
    assert ("VIA" in pod.log()) is told


def test_a_node_that_cannot_contain_a_build_gets_none(
    pod: RecordedPod, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(mode: SandboxMode) -> tuple[str, ...]:
        raise SandboxUnavailableError(f"There is no sandbox here, and the order says {mode}.")

    monkeypatch.setattr(sandbox, "check", refuse)
    install_workbench(pod.bin, f"{TELLS}; {MAKES}")
    pod.shared.mkdir()
    settings = Settings("", pod.scratch, pod.shared, pod.search_path, pod.scratch)
    assert build.run(pod.order(), settings, datetime.now(UTC)) == ExitCode.NO_SANDBOX
    assert pod.log() == "There is no sandbox here, and the order says require.\n"
    assert not pod.attempts()
    assert not (pod.shared / artifacts.RESULT).exists()
