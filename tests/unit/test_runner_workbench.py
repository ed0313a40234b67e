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
    order = WorkbenchOrder(
        attempt=Attempt.WHOLE,
        tree=str(tmp_path),
        keymap=str(tmp_path / "keymap.json"),
        home=str(tmp_path),
        temporary=str(tmp_path),
        keyboard="demo/pad6",
        keymap_name="x",
        make_jobs=1,
        sandbox=SandboxMode.REQUIRE,
        record=str(tmp_path),
    )
    told: list[bytes] = []
    report = Workbench(order, told.append).whole()
    assert (report.path, report.record, report.returncode) == (BuildPath.FULL, use, 0)
    assert b"".join(told).decode() == said
    assert not (tmp_path / ".build").exists()
