"""The keyboard site of the demo tree, read by the chunk with the real qmk program."""

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from qmk_tasks.containment import Containment
from qmk_tasks.errors import TaskError
from qmk_tasks.metadata import keyboard_chunks, metadata
from qmk_tasks.metadata.metadata import Generated, Source
from tests.integration.plain_site import files, plain
from tests.integration.working_copy import COMMIT, PACKAGES, SEARCH_PATH, working_copy
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo tree, which nothing may change."""
    return working_copy(tmp_path_factory.mktemp("demo") / "tree")


@pytest.fixture
def tree(demo: Path, tmp_path: Path) -> Path:
    """A copy to change."""
    shutil.copytree(demo, tmp_path / "tree", symlinks=True)
    return tmp_path / "tree"


def read(tree: Path, folder: Path, search_path: str = SEARCH_PATH) -> Generated:
    source = Source(tree, COMMIT, Containment(search_path))
    return metadata.generate(source, folder / "work", folder / "site")


@pytest.fixture(scope="module")
def whole(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, bytes]:
    return plain(demo, tmp_path_factory.mktemp("whole"))


@pytest.mark.parametrize("size", [1, 2, 240])
def test_chunks_amount_to_the_whole(
    demo: Path,
    tmp_path: Path,
    whole: Mapping[str, bytes],
    monkeypatch: pytest.MonkeyPatch,
    size: int,
) -> None:
    monkeypatch.setattr(keyboard_chunks, "CHUNK_KEYBOARDS", size)
    generated = read(demo, tmp_path)
    assert files(tmp_path / "site") == whole
    assert (generated.kept, generated.faults) == ({}, {})
    assert generated.inputs is not None


def broken(tree: Path, keyboard: str, text: str = '{"layouts": ') -> None:
    (tree / "keyboards" / keyboard / "keyboard.json").write_text(text)


def another(tree: Path, keyboard: str, like: str = "demo/pad6") -> None:
    """A keyboard more."""
    shutil.copytree(tree / "keyboards" / like, tree / "keyboards" / keyboard)


def test_keyboards_that_cannot_be_read_cost_no_other(tree: Path, tmp_path: Path) -> None:
    # One name is a part of the others, and one keyboard is below a broken one.
    for name in ("demo/pad6_wide", "other/demo/pad6", "demo/slow/rev2"):
        another(tree, name)
    for name in ("demo/pad6_wide", "other/demo/pad6", "demo/slow"):
        broken(tree, name)
    generated = read(tree, tmp_path)
    listed = json.loads((tmp_path / "site/v1/keyboard_list.json").read_bytes())["keyboards"]
    fit = ["clueboard/66/rev3", "demo/dated", "demo/hungry", "demo/pad6", "demo/toolarge"]
    assert listed == fit
    assert sorted(generated.faults) == [
        "demo/pad6_wide",
        "demo/slow",
        "demo/slow/rev2",
        "other/demo/pad6",
    ]
    for name, (fault,) in ((name, generated.faults[name]) for name in generated.faults):
        assert fault.startswith("not published, since it cannot be read: "), name
        assert "keyboard.json" in fault
        assert str(tmp_path) not in fault
    assert not (tmp_path / "site/v1/keyboards/demo/slow").exists()


def test_a_tree_without_a_readable_keyboard_is_refused(tree: Path, tmp_path: Path) -> None:
    for path in (tree / "keyboards").rglob("keyboard.json"):
        path.write_text("[")
    with pytest.raises(TaskError, match="no keyboard of this tree can be read"):
        read(tree, tmp_path)


def test_a_tree_that_cannot_choose_keyboards_is_read_by_the_chunk_too(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = tree / "lib/python/qmk/cli/generate/api.py"
    text, count = re.subn(r'@cli\.argument\(\s*"-f",.*?\n\)\n', "", command.read_text(), flags=re.S)
    text = text.replace(
        "if not cli.args.filter or any(text in name for text in cli.args.filter)", ""
    )
    assert count == 1
    assert "filter" not in text
    command.write_text(text)
    monkeypatch.setattr(keyboard_chunks, "CHUNK_KEYBOARDS", 1)
    broken(tree, "demo/slow")
    generated = read(tree, tmp_path)
    assert list(generated.faults) == ["demo/slow"]
    shutil.rmtree(tree / "keyboards/demo/slow")
    assert files(tmp_path / "site") == plain(tree, tmp_path / "plain")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("keyboards=names)", "keyboards=names, count=len(names))"),
        ('files.write("usb.json", usb=usb)', 'files.write("usb.json", devices=usb)'),
        ('files.write("usb.json", usb=usb)', 'files.write("boards.json", usb=usb)'),
        ("readme = find_readme(name)", "readme = files.write(folder / 'keys.json', keys=[])"),
    ],
)
def test_a_tree_that_writes_something_else_is_read_in_one_run(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str, new: str
) -> None:
    command = tree / "lib/python/qmk/cli/generate/api.py"
    text = command.read_text()
    assert old in text
    command.write_text(text.replace(old, new))
    expected = plain(tree, tmp_path / "plain")
    generated = read(tree, tmp_path)
    assert files(tmp_path / "site") == expected
    assert generated.inputs is None
    assert "read in one run" in capsys.readouterr().out


def test_keyboards_that_share_files_by_links_are_read_in_one_run(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shared = tree / "keyboards/other/pad"
    shutil.copytree(tree / "keyboards/demo/pad6", shared)
    shutil.copy(tree / "keyboards/demo/info.json", shared.parent)
    (shared / "readme.md").unlink()
    (shared / "readme.md").symlink_to("keymaps/../../pad/keymaps/default/keymap.json")
    assert read(tree, tmp_path / "within").inputs is not None
    shutil.rmtree(shared / "keymaps")
    (shared / "keymaps").symlink_to("../../demo/pad6/keymaps")
    expected = plain(tree, tmp_path / "plain")
    assert read(tree, tmp_path).inputs is None
    assert files(tmp_path / "site") == expected
    assert "keyboards/other/pad/keymaps is a link" in capsys.readouterr().out


# A qmk program that notes what it is run for, and comes to no end where it is told to.
WRAPPER = """#!/bin/sh
echo "$*" >> "$HOME/runs"
for argument in "$@"; do
    if [ "$argument" = "$(cat {folder}/endless)" ]; then exec sleep 30; fi
done
exec {qmk} "$@"
"""
TASK = """
import sys
from pathlib import Path
from qmk_tasks.containment import Containment
from qmk_tasks.metadata import keyboard_chunks, metadata
keyboard_chunks.CHUNK_KEYBOARDS = metadata.AT_ONCE = 1
tree, folder, commit, search_path = sys.argv[1:]
source = metadata.Source(Path(tree), commit, Containment(search_path))
metadata.generate(source, Path(folder) / "work", Path(folder) / "site")
"""


def task(tree: Path, folder: Path, *, endless: str = "", commit: str = COMMIT) -> list[str]:
    """Run the task for itself; the runs of generate-api for keyboards that it came to.

    It is killed as soon as it has come to the run with the argument ``endless``.
    """
    programs, runs = folder / "bin", folder / "work/home-0/runs"
    programs.mkdir(exist_ok=True)
    runs.unlink(missing_ok=True)
    (programs / "endless").write_text(endless)
    qmk = shutil.which("qmk", path=SEARCH_PATH)
    (programs / "qmk").write_text(WRAPPER.format(folder=programs, qmk=qmk))
    (programs / "qmk").chmod(0o755)
    given = (str(tree), str(folder), commit, f"{programs}:{SEARCH_PATH}")
    process = subprocess.Popen(
        [sys.executable, "-c", TASK, *given], env={"PYTHONPATH": PACKAGES}, stderr=subprocess.PIPE
    )
    if endless:
        come = f"the run with {endless}"
        wait_for(come, lambda: runs.exists() and endless in runs.read_text(), seconds=100)
        process.kill()
    _, errors = process.communicate(timeout=100)
    assert process.returncode == (-signal.SIGKILL if endless else 0), errors.decode()
    return [run for run in runs.read_text().splitlines() if "--filter" in run]


def test_a_task_that_was_killed_goes_on_where_it_was(
    tree: Path, tmp_path: Path, whole: Mapping[str, bytes]
) -> None:
    first = task(tree, tmp_path, endless="--filter=demo/slow")
    assert len(first) == 2
    assert "clueboard" in first[0]
    (again,) = task(tree, tmp_path)
    assert "clueboard" not in again
    assert files(tmp_path / "site") == whole
    assert task(tree, tmp_path) == []
    assert files(tmp_path / "site") == whole


def test_what_was_read_of_another_tree_is_read_anew(tree: Path, tmp_path: Path) -> None:
    assert len(task(tree, tmp_path)) == 2
    assert len(task(tree, tmp_path, commit="f" * 40)) == 2
    with (tree / "data/mappings/info_rules.hjson").open("a") as file:
        file.write("\n")
    assert len(task(tree, tmp_path, commit="f" * 40)) == 2
