"""The program that puts a firmware tree's own commands into the sandbox."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from qmk_tasks.containment import Containment
from tests.build_pod import ROOT

PACKAGES = ":".join(str(ROOT / name) for name in ("contract", "compiler-image"))
CONTAINMENT = Containment("/usr/bin:/bin", PACKAGES)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def run(
    script: str, tree: Path, home: Path, python: str = sys.executable
) -> "subprocess.CompletedProcess[str]":
    command = CONTAINMENT.command(["sh", "-c", script], read=[tree], write=[home])
    return subprocess.run(
        [python, *command[1:]],
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), **CONTAINMENT.environment()},
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_a_command_reads_the_tree_and_writes_to_its_own_folders(tmp_path: Path, home: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "file").write_text("of the tree")
    ended = run('cat file > "$HOME/copy"; echo "[$PYTHONPATH]"; touch new', tree, home)
    assert (home / "copy").read_text() == "of the tree"
    assert ended.stdout == "[]\n"
    assert "Permission denied" in ended.stderr
    assert not (tree / "new").exists()


def test_modules_of_the_tree_are_not_pythons_before_the_sandbox_is_there(
    tmp_path: Path, home: Path
) -> None:
    # The system's Python, as in the image: one of a virtual environment looks at no HOME.
    python = str(Path(sys.executable).resolve())
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    canary = tmp_path / "canary"
    code = f"open({str(canary)!r}, 'w')\n"
    for file in (
        home / ".local/lib" / version / "site-packages/usercustomize.py",
        tmp_path / "argparse.py",
        tmp_path / "qmk_runner/__init__.py",
    ):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code)
    assert run("echo done", tmp_path, home, python).stdout == "done\n"
    assert not canary.exists()


def test_signals_are_as_commands_expect_them(tmp_path: Path, home: Path) -> None:
    ended = run("yes | head -n 1", tmp_path, home)
    assert (ended.stdout, ended.stderr) == ("y\n", "")
    assert run("kill -PIPE $$", tmp_path, home).returncode == -signal.SIGPIPE


def test_a_command_that_is_missing_is_said(tmp_path: Path, home: Path) -> None:
    command = CONTAINMENT.command(["no-such-program"], read=[tmp_path], write=[home])
    ended = subprocess.run(
        command, env={"PATH": "/usr/bin"}, capture_output=True, text=True, check=False, timeout=30
    )
    assert ended.returncode == os.EX_OSERR
    assert ended.stderr.startswith("no-such-program could not be run: ")
