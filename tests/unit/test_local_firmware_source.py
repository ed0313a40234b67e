"""Which tree is published, and what it is called."""

import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from qmk_local.errors import LocalError
from qmk_local.firmware_source import FirmwareSource, open_source
from qmk_local.progress import Progress
from qmk_local.settings import Settings

Open = Callable[[Path | str], FirmwareSource]


@pytest.fixture
def open_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    for number, (name, value) in enumerate(
        [
            ("protocol.file.allow", "always"),
            ("uploadpack.allowAnySHA1InWant", "true"),
            ("user.name", "A Tester"),
            ("user.email", "tester@example.org"),
            ("init.defaultBranch", "master"),
        ]
    ):
        monkeypatch.setenv(f"GIT_CONFIG_KEY_{number}", name)
        monkeypatch.setenv(f"GIT_CONFIG_VALUE_{number}", value)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "5")
    settings = replace(
        Settings.from_environment(), cache=tmp_path / "cache", clone=tmp_path / "clone"
    )

    def open_one(source: Path | str) -> FirmwareSource:
        with Progress().step("test") as step:
            return open_source(str(source), settings, step)

    return open_one


def make_tree(folder: Path) -> Path:
    for name in ("keyboards/demo/keyboard.json", "lib/python/qmk/__init__.py", "Makefile"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    return folder


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", folder, *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def commit_all(folder: Path) -> str:
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "All")
    return git(folder, "rev-parse", "HEAD")


def test_a_folder_is_known_by_its_files(open_tree: Open, tmp_path: Path) -> None:
    first = open_tree(make_tree(tmp_path / "a"))
    assert len(first.commit) == 64
    assert first.files == ("Makefile", "keyboards/demo/keyboard.json", "lib/python/qmk/__init__.py")
    assert open_tree(make_tree(tmp_path / "b")).commit == first.commit


@pytest.mark.parametrize("change", ["content", "mode", "name", "link"])
def test_any_change_gives_another_id(open_tree: Open, tmp_path: Path, change: str) -> None:
    tree = make_tree(tmp_path / "tree")
    before = open_tree(tree).commit
    makefile = tree / "Makefile"
    if change == "content":
        makefile.write_text("other")
    elif change == "mode":
        makefile.chmod(0o755)
    elif change == "name":
        makefile.rename(tree / "makefile")
    else:
        makefile.unlink()
        makefile.symlink_to("Makefile.real")
    assert open_tree(tree).commit != before


def test_what_builds_leave_behind_changes_nothing(open_tree: Open, tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree")
    before = open_tree(tree)
    for name in (".build/x.o", "demo_default.hex", "lib/python/qmk/__pycache__/a.pyc"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text("built")
    assert open_tree(tree) == before


def test_a_clean_checkout_is_its_commit(open_tree: Open, tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree")
    (tree / ".gitignore").write_text("ignored\n")
    commit = commit_all(tree)
    (tree / "ignored").write_text("not of the commit")
    found = open_tree(tree)
    assert found.commit == commit
    assert "ignored" not in found.files
    assert "Makefile" in found.files


def test_a_changed_checkout_is_not_its_commit(open_tree: Open, tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree")
    commit_all(tree)
    (tree / "Makefile").write_text("changed")
    assert len(open_tree(tree).commit) == 64


def test_a_folder_inside_a_checkout_is_not_that_checkout(open_tree: Open, tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "repository/tests/firmware")
    commit_all(tmp_path / "repository")
    assert len(open_tree(tree).commit) == 64


def with_submodule(tmp_path: Path) -> tuple[Path, str]:
    module = tmp_path / "module"
    module.mkdir()
    (module / "printf.c").write_text("pinned")
    commit_all(module)
    tree = make_tree(tmp_path / "tree")
    git(tree, "init", "--quiet")
    git(tree, "submodule", "--quiet", "add", module.as_uri(), "lib/printf")
    return tree, commit_all(tree)


def test_a_url_is_cloned_with_the_submodules_that_it_pins(open_tree: Open, tmp_path: Path) -> None:
    tree, commit = with_submodule(tmp_path)
    (tmp_path / "module/printf.c").write_text("newer")
    commit_all(tmp_path / "module")
    found = open_tree(tree.as_uri())
    assert found.commit == commit
    assert "lib/printf/printf.c" in found.files
    assert (found.folder / "lib/printf/printf.c").read_text() == "pinned"


def test_a_url_is_followed_to_its_newest_commit(open_tree: Open, tmp_path: Path) -> None:
    tree = make_tree(tmp_path / "tree")
    commit_all(tree)
    open_tree(tree.as_uri())
    (tree / "Makefile").write_text("newer")
    commit = commit_all(tree)
    found = open_tree(tree.as_uri())
    assert (found.commit, (found.folder / "Makefile").read_text()) == (commit, "newer")


def test_a_checkout_without_its_submodules_is_not_its_commit(
    open_tree: Open, tmp_path: Path
) -> None:
    tree, _ = with_submodule(tmp_path)
    git(tree, "submodule", "--quiet", "deinit", "--all", "--force")
    assert len(open_tree(tree).commit) == 64


@pytest.mark.parametrize("source", ["/nowhere", ".", "https://", "-rf", "file:///nowhere/at/all"])
def test_what_is_no_firmware_tree_is_told_so(
    open_tree: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LocalError):
        open_tree(source)
