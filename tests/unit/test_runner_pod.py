"""Build and upload as processes, with a shell script in the place of the workbench."""

import contextlib
import hashlib
import json
import os
import resource
import shutil
import signal
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from qmk_contract import artifacts
from qmk_contract.codec import to_body
from qmk_contract.exit_codes import ExitCode
from qmk_contract.phases import Reason
from qmk_contract.work_order import INTERNAL_KEYMAP_NAME, BuildOrder, Fetch, UploadOrder
from qmk_runner import build, firmware
from qmk_runner.firmware import Names, Outputs
from qmk_runner.settings import Settings
from tests.build_pod import (
    KEY,
    BuildPod,
    archive,
    build_order,
    install,
    install_workbench,
    upload_order,
)
from tests.http_storage import HttpStorage, http_storage
from tests.waiting import wait_for

LAYERS = {
    "core": archive({"builddefs/build.mk": "core\n", "quantum/a.c": "int a;\n"}),
    "keyboard": archive({"keyboards/demo/pad/keyboard.json": "{}\n"}),
}
FIRMWARE = ":0100000001FE\n:00000001FF\n"
MAKES_FIRMWARE = f"""
S=.build/obj_demo_pad_qmk_compile/src; mkdir -p $S; echo 'int keymaps;' > $S/keymap.c
printf '{FIRMWARE}' > demo_pad_qmk_compile.hex
echo ' * The firmware size is fine - 23012/28672 (80%, 5660 bytes free)'
"""
FILES = ["firmware", "keymap.c", "log.txt"]


REQUEST = {
    "version": 1,
    "keyboard": "demo/pad",
    "keymap": INTERNAL_KEYMAP_NAME,
    "layout": "LAYOUT",
    "layers": [["KC_A", "KC_B", "MO(1)"], ["KC_TRNS", "KC_NOPE", "LT(1,KC_C)"]],
}


@dataclass
class ServedPod(BuildPod):
    """A pod whose orders point at storage in this process."""

    storage: HttpStorage = field(default_factory=HttpStorage)

    def build_order(self, layers: Mapping[str, bytes], **changes: Any) -> BuildOrder:
        """Store request and layers, and order a build of them."""
        self.storage.objects.setdefault("request", json.dumps(REQUEST).encode())
        self.storage.objects.update(layers)
        fetches = [
            Fetch(self.storage.url_of(key), hashlib.sha256(data).hexdigest(), len(data))
            for key, data in layers.items()
        ]
        request = Fetch(self.storage.url_of("request"))
        return build_order("demo/pad", request, fetches, **changes)

    def upload_order(self, **changes: Any) -> UploadOrder:
        return upload_order(self.storage.url_of, **changes)


@pytest.fixture
def storage() -> Iterator[HttpStorage]:
    with http_storage() as running:
        yield running


@pytest.fixture
def bin_folder(tmp_path: Path) -> Path:
    install(tmp_path / "bin", "zstd", "exec cat")
    install_workbench(tmp_path / "bin", MAKES_FIRMWARE)
    return tmp_path / "bin"


@pytest.fixture
def pod(tmp_path: Path, storage: HttpStorage, bin_folder: Path) -> Iterator[ServedPod]:
    (tmp_path / "scratch").mkdir()
    made = ServedPod(tmp_path / "scratch", f"{bin_folder}:/usr/bin:/bin", storage=storage)
    yield made
    made.end()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shared folder of a build that went well."""
    folder = tmp_path_factory.mktemp("finished")
    install(folder / "bin", "zstd", "exec cat")
    install_workbench(folder / "bin", MAKES_FIRMWARE)
    with http_storage() as storage:
        pod = ServedPod(folder, f"{folder}/bin:/usr/bin:/bin", storage=storage)
        assert pod.run("build", pod.build_order(LAYERS))[0] == 0
    return pod.shared


@pytest.fixture
def built(pod: ServedPod, finished: Path) -> ServedPod:
    """A pod whose build has ended well."""
    shutil.copytree(finished, pod.shared)
    return pod


def log(pod: ServedPod) -> str:
    return (pod.shared / artifacts.LOG).read_text()


def test_a_build_that_succeeds_leaves_firmware_log_keymap_and_last_the_result(
    pod: ServedPod,
) -> None:
    code, output = pod.run("build", pod.build_order(LAYERS))
    assert (code, "firmware size is fine" in output) == (0, True)
    result = pod.result()
    assert (result.reason, result.returncode, result.path) == (Reason.COMPLETED, 0, "full")
    assert result.command[:2] == ("qmk", "--no-color")
    assert str(pod.scratch) not in " ".join(result.command)
    assert result.firmware is not None
    assert result.firmware.extension == "hex"
    assert result.firmware.sha256 == hashlib.sha256(FIRMWARE.encode()).hexdigest()
    assert (pod.shared / "firmware").read_text() == FIRMWARE
    assert (pod.shared / "keymap.c").read_text() == "int keymaps;\n"
    assert result.log.size == len(log(pod).encode())
    assert result.usage is not None
    assert result.usage.flash is not None
    assert (result.usage.flash.used, result.usage.flash.limit) == (23012, 28672)
    assert set(result.times) == {"fetch", "unpack", "generate", "compile", "collect"}


def test_the_build_sees_the_tree_and_no_environment_but_its_own(
    pod: ServedPod, bin_folder: Path
) -> None:
    install_workbench(bin_folder, 'env; ls builddefs quantum keyboards/demo; echo "$@"; exit 1')
    pod.run("build", pod.build_order(LAYERS), AWS_SECRET_ACCESS_KEY="canary")
    text = log(pod)
    variables = {line.partition("=")[0] for line in text.splitlines() if "=" in line}
    assert variables >= {"HOME", "QMK_HOME", "SKIP_GIT", "TMPDIR", "LC_ALL"}
    assert not {name for name in variables if "ORDER" in name or "AWS" in name}
    assert "Signature" not in text
    assert str(pod.scratch) not in text
    assert {"build.mk", "a.c", "pad"} <= set(text.split())


def test_upload_stores_everything_and_the_result_last(pod: ServedPod, storage: HttpStorage) -> None:
    upload = pod.start("upload", pod.upload_order())
    assert pod.run("build", pod.build_order(LAYERS))[0] == 0
    assert upload.wait(20) == 0
    assert sorted(storage.stored[:-1]) == [artifacts.build(KEY, name) for name in FILES]
    assert storage.stored[-1] == artifacts.build(KEY, artifacts.RESULT)
    for name in (*FILES, artifacts.RESULT):
        key = artifacts.build(KEY, name)
        assert storage.types[key] == artifacts.CONTENT_TYPES[name]
        assert name == artifacts.RESULT or storage.objects[key] == (pod.shared / name).read_bytes()


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("echo x.c:1:2: error: nope", Reason.COMPILE_ERROR),
        ("echo ' * The firmware is too large! 31378/28672 (2706 bytes over)'",
         Reason.FIRMWARE_TOO_LARGE),
        ("echo \"ld: region \\`text' overflowed by 15146 bytes\"", Reason.FIRMWARE_TOO_LARGE),
        ("echo '☒ Invalid JSON keymap: /x/keymap.json : None is wrong'", Reason.INVALID_KEYMAP),
    ],
)  # fmt: skip
def test_the_requests_own_fault_is_a_result_and_no_failure_of_the_pod(
    pod: ServedPod, storage: HttpStorage, bin_folder: Path, output: str, reason: Reason
) -> None:
    install_workbench(bin_folder, f"{MAKES_FIRMWARE}{output}; exit 2")
    assert pod.run("build", pod.build_order(LAYERS))[0] == 0
    assert (pod.result().reason, pod.result().firmware) == (reason, None)
    assert pod.run("upload", pod.upload_order())[0] == 0
    assert artifacts.build(KEY, artifacts.FIRMWARE) not in storage.objects


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ("exit 0", ExitCode.NO_RESULT),
        ("echo x > first_in_directory.hex", ExitCode.NO_RESULT),
        ("for e in hex uf2; do echo x > demo_pad_qmk_compile.$e; done", ExitCode.NO_RESULT),
        ("ln -s /etc/hostname demo_pad_qmk_compile.hex", ExitCode.NO_RESULT),
        ("echo 'cc1: error: x.s: No space left on device'; exit 2", ExitCode.OUT_OF_DISK),
        ("echo 'gcc: error: Killed (program cc1)'; exit 2", ExitCode.OUT_OF_MEMORY),
        ("kill -9 $$", ExitCode.NO_RESULT),
        (MAKES_FIRMWARE + "echo oom_kill 3 > $TMPDIR/../../cgroup/memory.events",
         ExitCode.OUT_OF_MEMORY),
    ],
)  # fmt: skip
def test_what_another_run_might_not_repeat_leaves_a_log_and_no_result(
    pod: ServedPod, storage: HttpStorage, bin_folder: Path, script: str, code: ExitCode
) -> None:
    (pod.scratch / "cgroup").mkdir()
    (pod.scratch / "cgroup/memory.events").write_text("low 0\noom 2\noom_kill 2\n")
    install_workbench(bin_folder, script)
    assert pod.run("build", pod.build_order(LAYERS))[0] == code
    assert not (pod.shared / artifacts.RESULT).exists()
    assert log(pod).endswith(".\n")
    assert pod.run("upload", pod.upload_order())[0] == ExitCode.NO_RESULT
    assert storage.stored == [artifacts.build(KEY, artifacts.FAILED_LOG)]


def test_a_run_without_a_result_leaves_a_finished_builds_log_alone(
    built: ServedPod, storage: HttpStorage, bin_folder: Path
) -> None:
    assert built.run("upload", built.upload_order())[0] == 0
    before = storage.objects[artifacts.build(KEY, artifacts.LOG)]
    built.end()
    shutil.rmtree(built.shared)
    install_workbench(bin_folder, "echo begun; kill -9 $$")
    assert built.run("build", built.build_order(LAYERS))[0] == ExitCode.NO_RESULT
    assert built.run("upload", built.upload_order())[0] == ExitCode.NO_RESULT
    assert storage.objects[artifacts.build(KEY, artifacts.LOG)] == before
    assert b"begun" in storage.objects[artifacts.build(KEY, artifacts.FAILED_LOG)]


def test_a_build_that_runs_on_is_ended_with_all_it_started(
    pod: ServedPod, storage: HttpStorage, bin_folder: Path, tmp_path: Path
) -> None:
    install_workbench(
        bin_folder,
        f"""trap '' TERM
        setsid sh -c 'echo $$ > {tmp_path}/orphan; while :; do sleep 0.1; done' &
        echo begun; echo $$ > {tmp_path}/child; while :; do sleep 0.1; done""",
    )
    code, output = pod.run("build", pod.build_order(LAYERS, timeout_seconds=1))
    assert (code, "begun" in output) == (ExitCode.TIMED_OUT, True)
    for name in ("orphan", "child"):
        with pytest.raises(ProcessLookupError):
            os.kill(int((tmp_path / name).read_text()), 0)
    assert pod.run("upload", pod.upload_order())[0] == ExitCode.NO_RESULT
    assert b"begun" in storage.objects[artifacts.build(KEY, artifacts.FAILED_LOG)]


def test_a_process_left_behind_neither_delays_nor_outlives_a_build(
    pod: ServedPod, bin_folder: Path, tmp_path: Path
) -> None:
    left = f"setsid sh -c 'echo $$ > {tmp_path}/orphan; exec sleep 60' &"
    seen = f"while [ ! -s {tmp_path}/orphan ]; do :; done"
    install_workbench(bin_folder, f"{MAKES_FIRMWARE}\n{left}\n{seen}")
    assert pod.run("build", pod.build_order(LAYERS))[0] == 0
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "orphan").read_text()), 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_build_that_is_ended_from_outside_wakes_upload_at_once(
    pod: ServedPod, storage: HttpStorage, bin_folder: Path, tmp_path: Path, number: signal.Signals
) -> None:
    install_workbench(bin_folder, f"echo begun; echo $$ > {tmp_path}/child; exec sleep 60")
    upload = pod.start("upload", pod.upload_order())
    build = pod.start("build", pod.build_order(LAYERS))
    child = int(wait_for("the child", lambda: (tmp_path / "child").read_text(), seconds=10))
    wait_for("its output", lambda: "begun" in log(pod), seconds=10)
    build.send_signal(number)
    assert build.wait(5) in (128 + signal.SIGTERM, -signal.SIGKILL)
    assert upload.wait(5) == ExitCode.NO_RESULT
    assert b"begun" in storage.objects[artifacts.build(KEY, artifacts.FAILED_LOG)]
    if number is signal.SIGTERM:
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)
    else:  # a container's end takes its other processes along; here we do
        os.kill(child, signal.SIGKILL)


def test_a_build_that_is_ended_from_outside_leaves_the_end_of_its_log(
    pod: ServedPod, bin_folder: Path, tmp_path: Path
) -> None:
    flood = "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done"
    install_workbench(bin_folder, f"{flood}; touch {tmp_path}/said; exec sleep 60")
    build = pod.start("build", pod.build_order(LAYERS, log_bytes=4096))
    wait_for("all of its output", lambda: (tmp_path / "said").exists(), seconds=10)
    build.terminate()
    assert build.wait(5) == 128 + signal.SIGTERM
    assert log(pod).endswith("line 1999\nThe build was ended from outside.\n")


def test_a_fault_of_the_runners_own_leaves_the_end_of_its_log(
    pod: ServedPod, bin_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(tree: Path, names: Names) -> Outputs:
        raise LookupError(f"{tree} {names}")

    monkeypatch.setattr(firmware, "collect", fail)
    flood = "i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done"
    install_workbench(bin_folder, flood)
    pod.shared.mkdir()
    settings = Settings(
        order="", scratch=pod.scratch, shared=pod.shared, search_path=pod.search_path
    )
    with pytest.raises(LookupError):
        build.run(pod.build_order(LAYERS, log_bytes=4096), settings, datetime.now(UTC))
    assert log(pod).endswith("line 1999\nThe runner failed: LookupError.\n")
    assert not (pod.shared / artifacts.RESULT).exists()


def test_sigterm_while_fetching_ends_the_build_at_once(
    pod: ServedPod, storage: HttpStorage
) -> None:
    storage.held["core"] = threading.Event()
    build = pod.start("build", pod.build_order(LAYERS))
    wait_for("a request", lambda: "core" in storage.asked, seconds=10)
    build.terminate()
    assert build.wait(5) == 128 + signal.SIGTERM


def test_sigterm_while_uploading_does_not_lose_the_result(
    built: ServedPod, storage: HttpStorage
) -> None:
    last = artifacts.build(KEY, artifacts.RESULT)
    storage.held[last] = threading.Event()
    upload = built.start("upload", built.upload_order())
    wait_for("the other objects", lambda: len(storage.stored) == 3, seconds=10)
    upload.terminate()
    storage.held[last].set()
    assert upload.wait(10) == 0
    assert last in storage.objects


def test_upload_gives_up_when_no_build_starts(pod: ServedPod) -> None:
    pod.shared.mkdir()
    code, output = pod.run("upload", pod.upload_order(), QMK_BUILD_START_SECONDS="0.2")
    assert (code, "did not start" in output) == (ExitCode.NO_RESULT, True)


def test_upload_gives_up_when_the_build_does_not_end(pod: ServedPod, bin_folder: Path) -> None:
    install_workbench(bin_folder, "exec sleep 60")
    build = pod.start("build", pod.build_order(LAYERS))
    code, output = pod.run("upload", pod.upload_order(build_seconds=1))
    assert (code, "did not end in time" in output) == (ExitCode.NO_RESULT, True)
    build.terminate()
    build.wait(5)


def test_storage_that_stumbles_is_asked_again(pod: ServedPod, storage: HttpStorage) -> None:
    storage.statuses["core"] = [503, 403]
    storage.cut.add("keyboard")
    assert pod.run("build", pod.build_order(LAYERS))[0] == 0
    for name in (*FILES, artifacts.RESULT):
        storage.statuses[artifacts.build(KEY, name)] = [500]
    assert pod.run("upload", pod.upload_order())[0] == 0
    assert storage.stored[-1] == artifacts.build(KEY, artifacts.RESULT)


@pytest.mark.parametrize("fault", ["missing", "another", "truncated", "no archive"])
def test_a_layer_that_is_not_what_the_order_says_is_never_built_from(
    pod: ServedPod, storage: HttpStorage, fault: str
) -> None:
    layers = dict(LAYERS)
    if fault == "no archive":
        layers["core"] = b"no archive at all" * 100
    order = pod.build_order(layers, fetch_seconds=1)
    if fault == "missing":
        del storage.objects["core"]
    elif fault == "another":
        storage.objects["core"] = b"x" * len(LAYERS["core"])
    elif fault == "truncated":
        storage.objects["core"] = LAYERS["core"][:-1]
    code, _ = pod.run("build", order)
    assert code == ExitCode.FETCH_FAILED
    assert "Signature" not in log(pod)
    assert "layer" in log(pod)


@pytest.mark.parametrize("program", ["build", "upload"])
def test_an_order_that_is_none_is_refused(pod: ServedPod, program: str) -> None:
    assert pod.run(program, '{"key": "../../x"}')[0] == ExitCode.BAD_ORDER


def test_a_request_for_another_keyboard_is_refused(pod: ServedPod, storage: HttpStorage) -> None:
    storage.objects["request"] = json.dumps({"keyboard": "other", "keymap": "x"}).encode()
    assert pod.run("build", pod.build_order(LAYERS))[0] == ExitCode.BAD_ORDER


def test_an_image_without_python_is_our_fault(pod: ServedPod, bin_folder: Path) -> None:
    (bin_folder / "python3").unlink()
    for program in ("cat", "tar"):
        (bin_folder / program).symlink_to(f"/usr/bin/{program}")
    pod.search_path = str(bin_folder)
    assert pod.run("build", pod.build_order(LAYERS))[0] == ExitCode.BAD_ORDER


@pytest.mark.parametrize("change", ["link", "pipe", "other bytes", "gone", "foreign key", "lie"])
def test_upload_stores_nothing_that_is_not_what_the_build_made(
    built: ServedPod, storage: HttpStorage, change: str
) -> None:
    firmware, result = built.shared / artifacts.FIRMWARE, built.shared / artifacts.RESULT
    if change == "other bytes":
        firmware.write_text("other")
    elif change == "foreign key":
        result.write_text(result.read_text().replace(KEY, KEY[::-1]))
    elif change == "lie":
        result.write_text(result.read_text().replace("Completed", "TimeLimitExceeded"))
    else:
        content = firmware.read_bytes()
        firmware.unlink()
        with contextlib.suppress(KeyError):
            {
                "link": lambda: firmware.symlink_to(_beside(firmware, content)),
                "pipe": lambda: os.mkfifo(firmware),
            }[change]()
    assert built.run("upload", built.upload_order())[0] == ExitCode.NO_RESULT
    assert storage.stored == [artifacts.build(KEY, artifacts.FAILED_LOG)]


def _beside(firmware: Path, content: bytes) -> Path:
    """The same bytes by another name: only that it is a link is wrong."""
    firmware.with_name("elsewhere").write_bytes(content)
    return firmware.with_name("elsewhere")


def test_storage_that_takes_nothing_is_an_upload_failure(
    built: ServedPod, storage: HttpStorage
) -> None:
    storage.statuses[artifacts.build(KEY, artifacts.FIRMWARE)] = [503] * 100
    code, output = built.run("upload", built.upload_order(upload_seconds=1))
    assert (code, "Signature" in output) == (ExitCode.UPLOAD_FAILED, False)
    assert artifacts.build(KEY, artifacts.RESULT) not in storage.objects


def test_endless_output_is_cut_in_the_middle(pod: ServedPod, bin_folder: Path) -> None:
    flood = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done"
    install_workbench(bin_folder, f"{flood}\n{MAKES_FIRMWARE}")
    code, output = pod.run("build", pod.build_order(LAYERS, log_bytes=4096))
    assert code == 0
    text = log(pod)
    assert len(text) < 4096 + 100
    assert text.startswith("line 0\nline 1\n")
    assert "left out" in text
    assert "line 19999" in text
    assert len(output) < 4096 + 100


def test_a_build_cannot_read_the_order_it_came_from(pod: ServedPod, tmp_path: Path) -> None:
    """Without root's capabilities, if it has them: nothing in /proc is hidden from those."""
    install_workbench(
        tmp_path / "bin",
        """[ -n "$PPID" ] && [ -d /proc/$PPID ] && echo parent is there
        tr '\\0' '\\n' < /proc/$PPID/environ | grep -c QMK_BUILD_ORDER
        tr '\\0' '\\n' < /proc/$$/environ | grep -c QMK_HOME; exit 1""",
    )
    without = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if os.geteuid() == 0 else ()
    output, _ = pod.start("build", pod.build_order(LAYERS), before=without).communicate(timeout=50)
    done = output.decode()
    assert "parent is there" in done
    assert "Permission denied" in done
    numbers = [line for line in done.splitlines() if line.isdigit()]
    assert numbers == ["0", "1"]


def test_a_volume_that_is_full_ends_a_build_with_the_code_for_it(
    pod: ServedPod, bin_folder: Path
) -> None:
    install_workbench(bin_folder, MAKES_FIRMWARE + "i=0; while [ $i -lt 2000 ]; do i=$((i+1)); "
            "echo a line of output, and one more, and one more; done")  # fmt: skip
    order = json.dumps(to_body(pod.build_order(LAYERS)))
    process = pod.start("build", order)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (32768, 32768))
    output, _ = process.communicate(timeout=50)
    assert (process.returncode, b"Traceback" in output) == (ExitCode.OUT_OF_DISK, False)
    assert not (pod.shared / artifacts.RESULT).exists()
