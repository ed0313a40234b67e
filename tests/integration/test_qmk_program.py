"""The qmk program, played by scripts that end in every way that it can."""

import os
from pathlib import Path

import pytest

from qmk_tasks.containment import Containment
from qmk_tasks.metadata.qmk_program import QmkFailed, QmkProgram
from tests.waiting import wait_for

SECONDS = 30.0


@pytest.fixture
def program(tmp_path: Path) -> QmkProgram:
    return QmkProgram(Containment(f"{tmp_path}/bin:{os.defpath}"), tmp_path / "home")


def played(folder: Path, script: str) -> None:
    path = folder / "bin/qmk"
    path.parent.mkdir()
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_what_it_prints_is_told_apart_from_what_it_logs(
    program: QmkProgram, tmp_path: Path
) -> None:
    played(tmp_path, 'echo "$2" in "$QMK_HOME"; echo beware >&2')
    assert program.run(tmp_path, ["list-keyboards"], SECONDS) == f"list-keyboards in {tmp_path}\n"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo hello; echo 'KeyError: 1' >&2; exit 1", "KeyError: 1"),
        ("echo 'only printed'; exit 3", "only printed"),
        (r"printf 'Cannot read x:\n\tline 1\n' >&2; exit 1", "Cannot read x: line 1"),
        ('echo "in $QMK_HOME/keyboards/a.json" >&2; exit 1', "in keyboards/a.json"),
        ("exit 1", "it said nothing"),
        ("kill -9 $$", "it was ended by signal 9"),
        ("yes | head -c 9000000; echo end; exit 1", "end"),
    ],
)
def test_a_failure_has_its_last_line_as_the_reason(
    program: QmkProgram, tmp_path: Path, script: str, reason: str
) -> None:
    played(tmp_path, script)
    with pytest.raises(QmkFailed) as failed:
        program.run(tmp_path, ["generate-api"], SECONDS)
    assert failed.value.reason == reason


def test_one_that_does_not_end_is_ended_with_all_that_it_started(
    program: QmkProgram, tmp_path: Path
) -> None:
    played(tmp_path, f"sleep 600 & echo $! > {tmp_path}/home/child; wait")
    with pytest.raises(QmkFailed, match="longer than 1 s"):
        program.run(tmp_path, ["generate-api"], 1.0)
    child = Path("/proc") / (tmp_path / "home/child").read_text().strip() / "stat"
    wait_for("the end of its child", lambda: ended(child), seconds=SECONDS)


def ended(stat: Path) -> bool:
    return not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] == "Z"


def test_a_missing_program_is_said(tmp_path: Path) -> None:
    program = QmkProgram(Containment(str(tmp_path)), tmp_path / "home")
    with pytest.raises(QmkFailed, match="qmk could not be run"):
        program.run(tmp_path, ["list-keyboards"], SECONDS)
