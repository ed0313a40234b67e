"""The programs that note each call of a recording build."""

import shutil
import subprocess
from pathlib import Path

import pytest

from qmk_runner.workbench.recording import Recording


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    """The toolchain is one program, which tells its words."""
    toolchain = tmp_path / "toolchain"
    toolchain.mkdir()
    (toolchain / "avr-gcc").write_text('#!/bin/sh\necho "$@"\n')
    (toolchain / "avr-gcc").chmod(0o755)
    return Recording(tmp_path / "recording", [str(toolchain)])


def compiled(recording: Recording, folder: Path) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [recording.programs / "avr-gcc", "-c", "a b.c"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )


def test_a_call_is_noted_and_done(recording: Recording, tmp_path: Path) -> None:
    ended = compiled(recording, tmp_path)
    assert (ended.returncode, ended.stdout) == (0, b"-c a b.c\n")
    assert [(call.folder, call.command) for call in recording.calls()] == [
        (tmp_path, ("avr-gcc", "-c", "a b.c"))
    ]


@pytest.mark.parametrize("missing", ["call", "line"])
def test_a_call_that_cannot_be_noted_is_not_done(
    recording: Recording, tmp_path: Path, missing: str
) -> None:
    log = recording.programs.parent / "log"
    if missing == "call":
        shutil.rmtree(log)
    else:
        (log / "order").mkdir()
    ended = compiled(recording, tmp_path)
    assert (ended.returncode, ended.stdout) == (125, b"")
