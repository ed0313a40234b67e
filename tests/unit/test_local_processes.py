"""Processes in the background are recognised, ended, and never taken for others."""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from qmk_local import processes
from qmk_local.errors import LocalError
from qmk_local.processes import ProcessIdentity

STAT = "4711 (odd ) name) S 1 4711 4711 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 123456 2000 10 0\n"


def wait_for_text(path: Path, text: str) -> None:
    deadline = time.monotonic() + 10
    while not (path.is_file() and text in path.read_text()):
        assert time.monotonic() < deadline, f"{text!r} was not in {path} after 10 s"
        time.sleep(0.01)


@pytest.fixture
def sleeper(tmp_path: Path) -> ProcessIdentity:
    return processes.start(
        ["/bin/sleep", "60"], log=tmp_path / "sleep.log", record=tmp_path / "sleep.json"
    )


def test_start_time_is_found_behind_a_name_with_parentheses() -> None:
    assert processes.parse_start_ticks(STAT) == ("S", 123456)


def test_started_process_is_alive_until_it_is_ended(
    tmp_path: Path, sleeper: ProcessIdentity
) -> None:
    assert processes.load(tmp_path / "sleep.json") == sleeper
    assert processes.is_alive(sleeper)
    processes.end([sleeper], grace_s=5)
    assert not processes.is_alive(sleeper)


def test_process_that_got_the_same_id_later_is_left_alone(sleeper: ProcessIdentity) -> None:
    earlier = replace(sleeper, start_ticks=sleeper.start_ticks - 1)
    processes.end([earlier], grace_s=0)
    assert not processes.is_alive(earlier)
    assert processes.is_alive(sleeper)
    processes.end([sleeper], grace_s=0)


def test_process_of_an_earlier_boot_is_not_alive(sleeper: ProcessIdentity) -> None:
    assert not processes.is_alive(replace(sleeper, boot_id="another"))
    processes.end([sleeper], grace_s=0)


def test_process_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "stubborn.log"
    script = "trap '' TERM; echo ready; while :; do sleep 1; done"
    stubborn = processes.start(["/bin/sh", "-c", script], log=log, record=tmp_path / "r.json")
    wait_for_text(log, "ready")
    processes.end([stubborn], grace_s=0.1)
    assert not processes.is_alive(stubborn)


def test_ending_what_has_ended_is_no_failure(sleeper: ProcessIdentity) -> None:
    processes.end([sleeper], grace_s=0)
    processes.end([sleeper], grace_s=0)


def test_process_joins_its_groups_before_it_runs(tmp_path: Path) -> None:
    groups = [tmp_path / "a", tmp_path / "b"]
    log = tmp_path / "log"
    started = processes.start(
        ["/bin/sh", "-c", 'cat "$@"; exec sleep 60', "sh", *groups],
        log=log,
        record=tmp_path / "r.json",
        cgroup_procs=groups,
    )
    wait_for_text(log, "0\n0\n")
    processes.end([started], grace_s=0)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"pid": 1}', '{"pid": "x"'])
def test_damaged_record_names_no_process(tmp_path: Path, text: str) -> None:
    record = tmp_path / "record.json"
    record.write_text(text)
    assert processes.load(record) is None


def test_program_that_cannot_start_leaves_its_reason_in_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    try:
        processes.start([tmp_path / "absent"], log=log, record=tmp_path / "r.json")
    except LocalError as error:
        assert str(log) in str(error)  # noqa: PT017 - whether it ended already is a race
    wait_for_text(log, "absent")
