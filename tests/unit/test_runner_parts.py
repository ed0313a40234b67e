"""Small pure parts of the runner: orders, retries, names, sizes, the memory counter."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from qmk_contract.codec import to_body
from qmk_contract.exit_codes import ExitCode
from qmk_contract.work_order import BuildOrder, Fetch, UploadOrder
from qmk_runner import firmware, memory_watch, orders, regular_file, transfer
from qmk_runner.errors import InfrastructureError
from qmk_runner.stopwatch import Stopwatch
from qmk_runner.transfer import TransferError

BUILD = BuildOrder(
    key="a" * 26,
    keyboard="clueboard/66/rev3",
    keymap_name="qmk_compile",
    firmware_commit="c" * 40,
    toolchain_digest="sha256:" + "d" * 64,
    request=Fetch("http://s3/request"),
    layers=(Fetch("https://s3/core", "e" * 64, 1),),
    timeout_seconds=60,
)
UPLOAD = UploadOrder(key="a" * 26, targets={"log.txt": "http://s3/log"}, build_seconds=60)


def test_orders_come_back_as_they_were_written() -> None:
    assert orders.build_order(json.dumps(to_body(BUILD))) == BUILD
    assert orders.upload_order(json.dumps(to_body(UPLOAD))) == UPLOAD


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"key": "../x"},
        {"keyboard": "../../etc"},
        {"keyboard": "a" * 200},
        {"keymap_name": "a/b"},
        {"keymap_name": "-rf"},
        {"firmware_commit": "HEAD"},
        {"layers": ()},
        {"layers": (Fetch("file:///etc/passwd"),)},
        {"request": Fetch("ftp://s3/request")},
        {"timeout_seconds": 0},
        {"fetch_seconds": -1},
        {"log_bytes": 1},
        {"make_jobs": 0},
        {"make_jobs": 1000},
        {"generator": Fetch("file:///x")},
        {"record": Fetch("file:///x"), "record_digest": "a" * 64},
        {"record": Fetch("http://s3/record"), "record_digest": "../x"},
        {"recording": True},
    ],
)
def test_a_build_order_out_of_bounds_is_refused(change: dict[str, Any]) -> None:
    text = json.dumps(to_body(dataclasses.replace(BUILD, **change)))
    with pytest.raises(InfrastructureError) as caught:
        orders.build_order(text)
    assert caught.value.exit_code is ExitCode.BAD_ORDER


@pytest.mark.parametrize(
    "change",
    [
        {"targets": {"../x": "http://s3/x"}},
        {"targets": {"log.txt": "file:///x"}},
        {"key": "x"},
        {"build_seconds": 0},
        {"schema": 0},
    ],
)
def test_an_upload_order_out_of_bounds_is_refused(change: dict[str, Any]) -> None:
    text = json.dumps(to_body(dataclasses.replace(UPLOAD, **change)))
    with pytest.raises(InfrastructureError):
        orders.upload_order(text)


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)


def test_pauses_between_tries_grow_up_to_a_bound() -> None:
    clock = Clock()
    failures = iter([TransferError("no")] * 8)

    def attempt() -> str:
        for failure in failures:
            raise failure
        return "done"

    assert transfer.retry(attempt, deadline=100, clock=clock, sleep=clock.sleep) == "done"
    assert clock.slept == [0.1, 0.2, 0.4, 0.8, 1.6, 3.0, 3.0, 3.0]


@pytest.mark.parametrize(("final", "tries"), [(True, 1), (False, 4)])
def test_the_last_failure_is_told_in_time(final: bool, tries: int) -> None:
    clock = Clock()
    count = 0

    def attempt() -> None:
        nonlocal count
        count += 1
        raise TransferError(f"try {count}", final=final)

    with pytest.raises(TransferError, match=f"try {tries}"):
        transfer.retry(attempt, deadline=1, clock=clock, sleep=clock.sleep)
    assert clock.now < 1


def test_the_expected_firmware_has_the_name_that_the_tree_gives_it() -> None:
    names = firmware.names("clueboard/66/rev3", "qmk_compile")
    assert names.target == "clueboard_66_rev3_qmk_compile"
    assert names.keymap_c == ".build/obj_clueboard_66_rev3_qmk_compile/src/keymap.c"


def test_a_file_behind_a_linked_folder_is_not_collected(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real/keymap.c").write_text("x")
    (tmp_path / "tree/.build").mkdir(parents=True)
    (tmp_path / "tree/.build/src").symlink_to(tmp_path / "real")
    with pytest.raises(regular_file.NotRegularError, match="link"):
        regular_file.read_below(tmp_path / "tree", ".build/src/keymap.c", size_max=10)


def test_a_file_behind_links_in_a_circle_is_not_collected(tmp_path: Path) -> None:
    (tmp_path / ".build").symlink_to(tmp_path / "other")
    (tmp_path / "other").symlink_to(tmp_path / ".build")
    with pytest.raises(regular_file.NotRegularError):
        regular_file.read_below(tmp_path, ".build/src/keymap.c", size_max=10)


@pytest.mark.parametrize(
    ("file", "text", "kills"),
    [
        ("memory.events", "low 0\nhigh 0\nmax 7\noom 2\noom_kill 1\noom_group_kill 0\n", 1),
        ("memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n", 4),
        ("memory.events", "nothing of use\n", 0),
        ("other", "oom_kill 9\n", 0),
    ],
)
def test_memory_kills_are_read_from_either_control_group(
    tmp_path: Path, file: str, text: str, kills: int
) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(text)
    assert memory_watch.kills(tmp_path) == kills


def test_a_step_named_again_grows() -> None:
    clock = Clock()
    watch = Stopwatch(clock)
    for step, seconds in (("fetch", 0.1), ("unpack", 0.2), ("fetch", 0.3)):
        clock.now += seconds
        watch.lap(step)
    assert watch.times == {"fetch": 400, "unpack": 200}


def test_what_went_before_is_the_first_steps() -> None:
    clock = Clock()
    watch = Stopwatch(clock, elapsed_seconds=0.2)
    clock.now += 0.1
    watch.lap("fetch")
    watch.lap("unpack")
    assert watch.times == {"fetch": 300, "unpack": 0}


@pytest.mark.parametrize(
    ("parts", "times"),
    [
        ({"compile": 300, "link": 100}, {"generate": 600, "compile": 300, "link": 100}),
        ({"compile": 900, "link": 200}, {"generate": 1000}),
        ({}, {"generate": 1000}),
    ],
)
def test_steps_that_somebody_else_timed_share_a_step(
    parts: dict[str, int], times: dict[str, int]
) -> None:
    clock = Clock()
    watch = Stopwatch(clock)
    clock.now += 1
    watch.split(parts, "generate")
    assert watch.times == times
