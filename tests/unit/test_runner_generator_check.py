"""Generators are run without the tree before a record of them is kept."""

from pathlib import Path

import pytest

from qmk_runner.workbench import generator_check
from qmk_runner.workbench.record import RecordError
from tests.unit.test_runner_record import MADE, SOURCES

#: As a generator may come to read what only whole trees have.
QMK = """#!/bin/sh
[ -e quantum/keycode.h ] && echo whole > {output} || cat lib/python/qmk/text > {output}
"""


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = {
        "lib/python/qmk/text": "alone\n",
        "lib/python/qmk/tests/test.py": "",
        "quantum/keycode.h": "",
        "keyboards/demo/rules.mk": "",
        f"{SOURCES}/keymap.c": "alone\n",
        f"{SOURCES}/keymap.json": "{}",
        "bin/qmk": QMK.format(output=f"{SOURCES}/keymap.c"),
    }
    for path, text in files.items():
        (tmp_path / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / path).write_text(text)
    (tmp_path / "tree/bin/qmk").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'tree/bin'}:/usr/bin:/bin")
    return tmp_path / "tree"


def test_a_generator_that_needs_no_tree_is_fit(tree: Path, tmp_path: Path) -> None:
    folder = tmp_path / "alone"
    generator_check.lay(tree, folder)
    laid = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
    assert laid == ["lib/python/qmk/text"]
    (folder / SOURCES).mkdir(parents=True)
    generator_check.check(MADE, tree, folder)


@pytest.mark.parametrize("fault", ["another", "nothing"])
def test_a_generator_that_makes_something_else_alone_is_not(
    tree: Path, tmp_path: Path, fault: str
) -> None:
    folder = tmp_path / "alone"
    generator_check.lay(tree, folder)
    if fault == "another":
        (folder / SOURCES).mkdir(parents=True)
        (tree / SOURCES / "keymap.c").write_text("whole\n")
    with pytest.raises(RecordError, match="without the tree"):
        generator_check.check(MADE, tree, folder)
