"""Nothing bad is ever kept: a fault leaves no result and no record, and the next build works."""

import dataclasses
import os
import signal
from collections.abc import Iterator

import pytest

from qmk_contract import artifacts
from qmk_contract.exit_codes import ExitCode
from qmk_contract.phases import Reason
from qmk_contract.work_order import BuildOrder
from tests.build_pod import KEY, BuildPod
from tests.integration.s3_server import S3Server
from tests.integration.storage_proxy import Fault, StorageProxy, storage_proxy
from tests.integration.stored_pod import CLUEBOARD, KEYS, LAYOUT, SEARCH_PATH, StoredPod
from tests.waiting import wait_for

RESULT = artifacts.RESULT
BUILT = {artifacts.FIRMWARE, artifacts.LOG, artifacts.KEYMAP_C, RESULT}
SMALL_LAYOUT = "LAYOUT_ortho_2x3"
#: The compilers' memory, where a keyboard is made to need more.
DATA_BYTES = 512 << 20


@pytest.fixture
def proxy(s3_server: S3Server, stored_pod: StoredPod) -> Iterator[StorageProxy]:
    """Between the pod and its storage."""
    with storage_proxy(s3_server.url) as running:
        stored_pod.signer = dataclasses.replace(s3_server, ports=(running.port,)).client()
        yield running


@pytest.fixture
def order(stored_pod: StoredPod, proxy: StorageProxy) -> BuildOrder:
    """An order to build, and to leave a record; its URLs lead through the proxy."""
    made = stored_pod.recording_order(CLUEBOARD, LAYOUT, KEYS)
    return dataclasses.replace(made, fetch_seconds=3)


def attempt(pod: StoredPod, order: BuildOrder, name: str) -> tuple[int, int]:
    """One pod for the order, in a folder of its own: how its two containers end."""
    (pod.scratch / name).mkdir()
    made = BuildPod(pod.scratch / name, SEARCH_PATH)
    build, told = made.run("build", order)
    upload, more = made.run("upload", pod.upload_order(order.keyboard, upload_seconds=4))
    assert "Signature" not in told + more
    return build, upload


def stored(pod: StoredPod) -> set[str]:
    """Names of what is stored of the build."""
    return pod.keys(f"builds/{KEY}/") - {artifacts.REQUEST}


def works(pod: StoredPod, order: BuildOrder) -> None:
    """The same order again, with nothing in its way."""
    assert attempt(pod, order, "again") == (0, 0)
    assert stored(pod) - {artifacts.FAILED_LOG} == BUILT
    assert pod.stored_result().reason is Reason.COMPLETED
    assert len(pod.keys("cache/")) == 2, pod.stored(artifacts.LOG).decode()


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.DROPPED, Fault.CUT, Fault.GARBLED])
def test_storage_that_gives_nothing_whole_ends_without_a_result(
    stored_pod: StoredPod, proxy: StorageProxy, order: BuildOrder, fault: Fault
) -> None:
    for name in ("core.tar.zst", "clueboard.tar.zst", artifacts.REQUEST):
        proxy.faults = {("GET", name): fault}
        # A request's digest is not known to these orders, so it is looked into.
        garbled = (name, fault) == (artifacts.REQUEST, Fault.GARBLED)
        code = ExitCode.BAD_ORDER if garbled else ExitCode.FETCH_FAILED
        assert attempt(stored_pod, order, f"without {name}") == (code, ExitCode.NO_RESULT)
        assert stored(stored_pod) == {artifacts.FAILED_LOG}
        assert not stored_pod.keys("cache/")
    proxy.faults = {}
    works(stored_pod, order)


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.DROPPED, Fault.CUT])
def test_storage_that_takes_nothing_whole_gets_no_result(
    stored_pod: StoredPod, proxy: StorageProxy, order: BuildOrder, fault: Fault
) -> None:
    assert stored_pod.run("build", order)[0] == 0
    upload = stored_pod.upload_order(CLUEBOARD, upload_seconds=2)
    for name in (*(BUILT - {RESULT}), RESULT):
        stored_pod.remove_build()
        proxy.faults = {("PUT", name): fault}
        assert stored_pod.run("upload", upload)[0] == ExitCode.UPLOAD_FAILED
        assert not {name, RESULT} & stored(stored_pod)
        assert name == RESULT or not stored_pod.keys("cache/")
    proxy.faults = {}
    works(stored_pod, order)


@pytest.mark.parametrize("fault", [Fault.REFUSED, Fault.CUT])
def test_a_record_that_is_not_stored_whole_is_none(
    stored_pod: StoredPod, proxy: StorageProxy, order: BuildOrder, fault: Fault
) -> None:
    assert stored_pod.run("build", order)[0] == 0
    upload = stored_pod.upload_order(CLUEBOARD, upload_seconds=4)
    for name in ("rev3.tar.zst", "rev3.json"):
        stored_pod.remove_build()
        proxy.faults = {("PUT", name): fault}
        assert stored_pod.run("upload", upload)[0] == 0
        assert stored(stored_pod) == BUILT
        assert not any(key.endswith(".json") for key in stored_pod.keys("cache/"))
    proxy.faults = {}
    works(stored_pod, order)


@pytest.mark.parametrize("name", [artifacts.FIRMWARE, RESULT])
def test_an_answer_that_is_lost_is_no_failure(
    stored_pod: StoredPod, proxy: StorageProxy, order: BuildOrder, name: str
) -> None:
    proxy.faults["PUT", name] = Fault.UNANSWERED
    proxy.times = 1
    assert attempt(stored_pod, order, "faulty") == (0, 0)
    assert stored(stored_pod) == BUILT


def begin(pod: StoredPod, order: BuildOrder, *before: str, **environment: str) -> tuple[int, str]:
    """Run the order's pod, with a command before it that starts others; its build's end."""
    build = pod.start("build", order, before=before, **environment)
    output, _ = build.communicate(timeout=100)
    assert pod.run("upload", pod.upload_order(order.keyboard))[0] == ExitCode.NO_RESULT
    assert stored(pod) <= {artifacts.FAILED_LOG}
    assert not pod.keys("cache/")
    return build.returncode, output.decode()


def test_a_compiler_that_needs_too_much_memory_leaves_nothing(stored_pod: StoredPod) -> None:
    order = stored_pod.recording_order("demo/hungry", SMALL_LAYOUT, 6)
    code, output = begin(stored_pod, order, "prlimit", f"--data={DATA_BYTES}")
    assert (code, "more memory" in output) == (ExitCode.OUT_OF_MEMORY, True)


def begin_on_a_disk(
    pod: StoredPod, order: BuildOrder, kilobytes: int, **environment: str
) -> tuple[int, str]:
    """As above, with a file system of that size for the build to work on."""
    script = 'mount -t tmpfs -o size="$1"k none "$QMK_SCRATCH_DIR" && shift && exec "$@"'
    alone = ("unshare", "--mount") if os.geteuid() == 0 else ("unshare", "--mount", "-Ur")
    disk = pod.scratch / "disk"
    disk.mkdir()
    command = (*alone, "sh", "-c", script, "sh", str(kilobytes))
    return begin(pod, order, *command, QMK_SCRATCH_DIR=str(disk), **environment)


def test_a_build_that_fills_the_disk_of_its_own_went_beyond_its_bound(
    stored_pod: StoredPod, order: BuildOrder
) -> None:
    environment = {"QMK_SCRATCH_BYTES": str(800 << 10)}
    code, output = begin_on_a_disk(stored_pod, order, 800, **environment)
    assert code == ExitCode.LIMIT_EXCEEDED, output


@pytest.mark.parametrize("kilobytes", [200, 620, 800])
def test_a_disk_that_is_full_leaves_nothing(
    stored_pod: StoredPod, order: BuildOrder, kilobytes: int
) -> None:
    """While the layers are unpacked, files generated, objects compiled: about a megabyte."""
    code, output = begin_on_a_disk(stored_pod, order, kilobytes)
    assert (code, "space" in output.splitlines()[-1]) == (ExitCode.OUT_OF_DISK, True), output
    works(stored_pod, order)


def test_a_build_that_runs_on_leaves_nothing(stored_pod: StoredPod) -> None:
    order = stored_pod.recording_order("demo/slow", SMALL_LAYOUT, 6)
    order = dataclasses.replace(order, timeout_seconds=3)
    code, output = begin(stored_pod, order)
    assert (code, "time limit" in output) == (ExitCode.TIMED_OUT, True)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_pod_that_is_ended_leaves_nothing(
    stored_pod: StoredPod, order: BuildOrder, number: signal.Signals
) -> None:
    build = stored_pod.start("build", order)
    log = stored_pod.shared / artifacts.LOG
    wait_for("the compiler", lambda: "Compiling" in log.read_text(), seconds=60)
    build.send_signal(number)
    build.communicate(timeout=20)
    assert stored_pod.run("upload", stored_pod.upload_order(CLUEBOARD))[0] == ExitCode.NO_RESULT
    assert stored(stored_pod) == {artifacts.FAILED_LOG}
    assert not stored_pod.keys("cache/")
    works(stored_pod, order)


def test_a_users_own_mistake_is_stored(stored_pod: StoredPod, proxy: StorageProxy) -> None:
    layers = [["KC_NOPE", *["KC_A"] * (KEYS - 1)]]
    order = stored_pod.order(CLUEBOARD, LAYOUT, layers)
    assert attempt(stored_pod, order, "mistaken") == (0, 0)
    assert stored(stored_pod) == BUILT - {artifacts.FIRMWARE}
    assert stored_pod.stored_result().reason is Reason.COMPILE_ERROR
    assert not stored_pod.keys("cache/")
