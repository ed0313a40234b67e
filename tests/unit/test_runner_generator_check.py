"""Generators are run without the tree before a record of them is kept."""

import sys
from pathlib import Path

import pytest

from qmk_runner.workbench import generator_check
from qmk_runner.workbench.launcher import Launcher
from qmk_runner.workbench.record import RecordError
from tests.unit.test_runner_record import MADE, SOURCES

#: As a generator may come to read what only whole trees have.
JSON2C = """
from pathlib import Path

from milc import cli

@cli.argument("-o", "--output", arg_only=True)
@cli.argument("filename", arg_only=True)
@cli.subcommand("Make a keymap.c.")
def json2c(cli):
    text = Path(cli.args.filename).read_text()
    if text == "refused":
        return False
    if text != "lost":
        Path(cli.args.output).write_text("alone" if text in ("tree", "loaded") else text)
    return True
"""
#: As QMK's own subcommands do when all of them are loaded.
PACKAGE = "from pathlib import Path\n\nPath('quantum/keycode.h').read_text()\n"
KEYMAP = "{}"


def make() -> None:
    """As JSON2C, but in the tree, and with all subcommands loaded."""
    _, _, _, output, keymap = sys.argv
    text = Path(keymap).read_text()
    if text == "refused":
        sys.exit(1)
    Path(output).write_text("whole" if text in ("tree", "loaded") else text)


LAUNCHER = Launcher(make, {})


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    files = {
        "lib/python/qmk/__init__.py": "",
        "lib/python/qmk/cli/__init__.py": PACKAGE,
        "lib/python/qmk/cli/json2c.py": JSON2C,
        "lib/python/qmk/tests/test.py": "",
        "quantum/keycode.h": "",
        "keyboards/demo/rules.mk": "",
        f"{SOURCES}/keymap.c": KEYMAP,
        f"{SOURCES}/keymap.json": KEYMAP,
    }
    for path, text in files.items():
        (tmp_path / "tree" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "tree" / path).write_text(text)
    return tmp_path / "tree"


@pytest.fixture
def alone(tree: Path, tmp_path: Path) -> Path:
    """The folder that has the generators' layer and the record's files."""
    folder = tmp_path / "alone"
    generator_check.lay(tree, folder)
    for name in ("keymap.c", "keymap.json"):
        (folder / SOURCES).mkdir(parents=True, exist_ok=True)
        (folder / SOURCES / name).write_text(KEYMAP)
    return folder


def test_the_layer_is_what_generators_need(tree: Path, tmp_path: Path) -> None:
    generator_check.lay(tree, tmp_path / "layer")
    laid = {str(path.relative_to(tmp_path / "layer")) for path in (tmp_path / "layer").rglob("*.*")}
    package = "lib/python/qmk"
    assert laid == {f"{package}/{name}.py" for name in ("__init__", "cli/__init__", "cli/json2c")}


@pytest.mark.parametrize("keymap", ["{}", '{"layers": []}', "refused"])
def test_generators_that_need_no_tree_are_fit(tree: Path, alone: Path, keymap: str) -> None:
    generator_check.check(MADE, LAUNCHER, tree, alone, keymap.encode())
    for folder in (tree, alone):
        for name in ("keymap.c", "keymap.json"):
            assert (folder / SOURCES / name).read_text() == KEYMAP


@pytest.mark.parametrize("keymap", ["tree", "loaded", "lost"])
def test_a_generator_that_makes_something_else_alone_is_not(
    tree: Path, alone: Path, keymap: str
) -> None:
    with pytest.raises(RecordError, match="without the tree"):
        generator_check.check(MADE, LAUNCHER, tree, alone, keymap.encode())


def test_what_make_had_made_of_the_recorded_keymap_is_to_be_made_again(
    tree: Path, alone: Path
) -> None:
    (tree / SOURCES / "keymap.c").write_text("once")
    with pytest.raises(RecordError, match="in the build"):
        generator_check.check(MADE, LAUNCHER, tree, alone, KEYMAP.encode())


def test_it_is_told_what_a_generator_lacks(tree: Path, alone: Path) -> None:
    (alone / "lib/python/qmk/cli/json2c.py").write_text("raise RuntimeError('no layouts')")
    with pytest.raises(RecordError, match="no layouts"):
        generator_check.check(MADE, LAUNCHER, tree, alone, b"{}")
