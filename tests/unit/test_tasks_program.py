"""Programs end in time, with all that they started, and say no more than is kept."""

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmk_tasks import program
from qmk_tasks.errors import TaskError
from tests.waiting import wait_for

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


def run(code: str, *, seconds: float = 30.0, output_bytes: int = 1000) -> program.Ended:
    argv = [sys.executable, "-c", code]
    return program.run(argv, ENVIRONMENT, seconds=seconds, output_bytes=output_bytes)


def test_output_errors_and_code_are_told() -> None:
    ended = run("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)")
    assert (ended.returncode, ended.output, ended.errors) == (3, b"out\n", b"err\n")


def test_of_endless_output_the_end_is_kept() -> None:
    ended = run("print('x' * 10_000_000 + 'end')", output_bytes=4)
    assert ended.output == b"end\n"


def test_what_does_not_end_is_ended_with_what_it_started(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    code = (
        "import subprocess, pathlib, time\n"
        "child = subprocess.Popen(['sleep', '600'])\n"
        f"pathlib.Path({str(note)!r}).write_text(str(child.pid))\n"
        "time.sleep(600)\n"
    )
    with pytest.raises(TaskError, match="took longer than 3 s"):
        run(code, seconds=3)
    wait_for("the child to be gone", lambda: not alive(int(note.read_text())), seconds=5)


def test_what_is_left_running_holds_nobody_up() -> None:
    assert run("import subprocess; subprocess.Popen(['sleep', '600'])").returncode == 0


ESCAPED = """
import os, pathlib, subprocess, sys, time
child = subprocess.Popen(["sleep", "600"], start_new_session=True)
pathlib.Path({note!r}).write_text(str(child.pid))
print("begun", flush=True)
time.sleep({seconds})
"""


@pytest.fixture
def note(tmp_path: Path) -> Iterator[Path]:
    """Where a program notes what it left running, which is ended at last."""
    yield tmp_path / "pid"
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


@pytest.mark.timeout(60)
def test_whoever_left_its_group_and_holds_its_pipes_is_not_waited_for(note: Path) -> None:
    began = time.monotonic()
    assert run(ESCAPED.format(note=str(note), seconds=0)).output == b"begun\n"
    assert time.monotonic() - began < 20


@pytest.mark.timeout(60)
def test_nor_past_the_programs_own_time(note: Path) -> None:
    began = time.monotonic()
    with pytest.raises(TaskError, match="took longer than 3 s"):
        run(ESCAPED.format(note=str(note), seconds=600), seconds=3)
    assert time.monotonic() - began < 20


def test_a_program_that_is_missing_is_named() -> None:
    with pytest.raises(TaskError, match="no-such-program could not be run"):
        program.run(["no-such-program"], ENVIRONMENT, seconds=1, output_bytes=1)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
