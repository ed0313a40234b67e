"""A step that fails for one commit, however it does, holds up no other and says why."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from qmk_tasks import steps
from qmk_tasks.handover import report
from qmk_tasks.handover.plan import Move, Plan
from qmk_tasks.snapshot import snapshot

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
ILL, WELL = "a" * 40, "b" * 40


def test_what_nobody_thought_of_is_told_of_its_commit_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def build(tree: Path, commit: str, objects: Path, **options: object) -> None:
        objects.mkdir()
        if commit == ILL:
            raise ValueError("odd")

    monkeypatch.setattr(snapshot, "build", build)
    moves = tuple(Move(name, name * 40, NOON, make=True) for name in "ab")
    steps.make_snapshots(Plan(NOON, moves), tmp_path, tmp_path, "", None)
    assert report.read(tmp_path / ILL).failure == "snapshot failed: ValueError: odd"
    assert report.read(tmp_path / WELL).failure is None
    assert not (tmp_path / ILL / "objects").exists()
    assert (tmp_path / WELL / "objects").exists()
    assert "Traceback" in capsys.readouterr().err
