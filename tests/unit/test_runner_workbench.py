"""An order with the whole tree: whatever a record comes to, the tree's own build is made."""

from pathlib import Path

import pytest

from qmk_contract.result import BuildPath, RecordUse
from qmk_contract.work_order import SandboxMode
from qmk_runner.workbench import full_build, record_folder
from qmk_runner.workbench.attempts import Workbench
from qmk_runner.workbench.full_build import FullBuild
from qmk_runner.workbench.launcher import Launcher
from qmk_runner.workbench.record import Record, RecordError
from qmk_runner.workbench_order import Attempt, WorkbenchOrder


def order(folder: Path) -> WorkbenchOrder:
    """One with the whole tree, and a record."""
    return WorkbenchOrder(
        attempt=Attempt.WHOLE,
        tree=str(folder),
        keymap=str(folder / "keymap.json"),
        home=str(folder),
        temporary=str(folder),
        keyboard="demo/pad6",
        keymap_name="x",
        make_jobs=1,
        sandbox=SandboxMode.REQUIRE,
        record=str(folder),
    )


@pytest.mark.parametrize(
    ("error", "use", "said"),
    [
        (RecordError("foreign"), RecordUse.REJECTED, ""),
        (KeyError("word"), RecordUse.UNFIT, "The record is of no use: KeyError: 'word'\n"),
        (
            RecursionError("deep"),
            RecordUse.UNFIT,
            "The record is of no use: RecursionError: deep\n",
        ),
    ],
)
def test_any_failure_with_a_record_is_followed_by_the_full_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, use: RecordUse, said: str
) -> None:
    def read(*_arguments: object, **_named: object) -> Record:
        raise error

    monkeypatch.setattr(record_folder, "read", read)
    monkeypatch.setattr(Launcher, "load", lambda *_: Launcher(lambda: None, {}))
    monkeypatch.setattr(full_build, "run", lambda *_, **__: FullBuild(0, {}))
    (tmp_path / ".build").mkdir()
    told: list[bytes] = []
    report = Workbench(order(tmp_path), told.append).whole()
    assert (report.path, report.record, report.returncode) == (BuildPath.FULL, use, 0)
    assert b"".join(told).decode() == said
    assert not (tmp_path / ".build").exists()


def test_a_tree_that_cannot_be_made_clean_again_is_not_built_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read(*_arguments: object, **_named: object) -> Record:
        (tmp_path / ".build").symlink_to(tmp_path)  # no folder, as rmtree asks for
        raise RecordError("broken off")

    built: list[object] = []
    monkeypatch.setattr(record_folder, "read", read)
    monkeypatch.setattr(Launcher, "load", lambda *_: Launcher(lambda: None, {}))
    monkeypatch.setattr(full_build, "run", lambda *_, **__: built.append(_))
    with pytest.raises(OSError, match="symbolic link"):
        Workbench(order(tmp_path), lambda _: None).whole()
    assert not built
