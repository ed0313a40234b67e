"""A step that fails for one commit, however it does, holds up no other and says why."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from qmk_tasks import steps
from qmk_tasks.checkout import checkout
from qmk_tasks.checkout.checkout import Source
from qmk_tasks.checkout.git import Git
from qmk_tasks.handover import report
from qmk_tasks.handover.plan import Move, Plan
from qmk_tasks.settings import GitSettings

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
URL = "https://git.example.org/firmware.git"
ILL, WELL = "a" * 40, "b" * 40


def test_what_nobody_thought_of_is_told_of_its_commit_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fetch(source: Source, tree: Path, scratch: Path, git: Git) -> None:
        tree.mkdir()
        if source.commit == ILL:
            raise ValueError("odd")

    monkeypatch.setattr(checkout, "checkout", fetch)
    moves = tuple(Move(name, name * 40, NOON, make=True, url=URL) for name in "ab")
    steps.check_out(Plan(NOON, moves), tmp_path, GitSettings("", None, 60, 1 << 20))
    assert report.read(tmp_path / ILL).failure == "checkout failed: ValueError: odd"
    assert report.read(tmp_path / WELL).failure is None
    assert not (tmp_path / ILL / "tree").exists()
    assert (tmp_path / WELL / "tree").exists()
    assert "Traceback" in capsys.readouterr().err
