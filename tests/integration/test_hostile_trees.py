"""What a firmware tree's own Python reaches while its snapshot is made, and what it leaves."""

import errno
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmk_contract import artifacts
from tests.integration.refresh_system import Pod, RefreshSystem, refresh_system
from tests.integration.s3_server import S3Server
from tests.integration.test_refresh import names
from tests.waiting import wait_for

pytestmark = pytest.mark.timeout(300)

MODULE = "lib/python/qmk/cli/__init__.py"
#: EXDEV: Landlock's answer where a link would lead out of what may only be read.
REFUSED = (errno.EPERM, errno.EACCES, errno.EXDEV)
#: Each of its runs tries everything, notes what came of it, and leaves a process behind that goes
#: on trying to change what is published.
HOSTILE = '''
import glob, hashlib, json, os, socket, subprocess, time
from pathlib import Path

home = Path(os.environ["HOME"])
work = home.parents[1]
noted = {}

def attempt(name, act):
    try:
        act()
    except OSError as error:
        noted[name] = error.errno
    else:
        noted[name] = 0

def swap():
    """Another layer for keyboards/demo, and a manifest that has it."""
    [manifest] = glob.glob(f"{work}/objects/firmware/*/manifest.json")
    layer = Path(manifest).parent / "keyboards/demo.tar.zst"
    body = json.loads(Path(manifest).read_bytes())
    body["keyboards"]["demo"].update(size=4, sha256=hashlib.sha256(b"evil").hexdigest())
    layer.write_bytes(b"evil")
    Path(manifest).write_text(json.dumps(body))

attempt("home", (home / "file").touch)
attempt("a new file of the tree", Path("quantum/evil.h").touch)
attempt("a file of the tree", lambda: Path("quantum/action.h").open("a"))
attempt("a file of the tree by its path", lambda: os.truncate("quantum/action.h", 0))
attempt("a file of the tree, gone", Path("quantum/action.h").unlink)
attempt("a link to the tree", lambda: os.link("quantum/action.h", home / "linked.h"))
attempt("an object", (work / "objects/evil").touch)
attempt("the report", lambda: (work / "report.json").open("a"))
attempt("the folder of the commit", (work / "evil").mkdir)
attempt("the plan", lambda: (work.parents[1] / "plan/plan.json").open("a"))
attempt("what is planned", (work.parents[1] / "plan/plan.json").read_bytes)
attempt("temporary files of others", lambda: Path("/tmp/qmk-hostile").touch())
attempt("a socket", socket.socket)
attempt("a session", os.setsid)
(home / "noted.json").write_text(json.dumps(noted))
if os.fork() == 0:
    with open(home / "left", "a") as left:
        left.write(f"{os.getpid()}\\n")
    for number in range(256):
        try:
            os.close(number)
        except OSError:
            pass
    end = time.monotonic() + 120
    while time.monotonic() < end:
        try:
            swap()
        except (OSError, ValueError, KeyError):
            time.sleep(0.001)
    os._exit(0)
'''


@pytest.fixture
def system(own_s3_server: S3Server, tmp_path: Path) -> Iterator[RefreshSystem]:
    with refresh_system(tmp_path, own_s3_server) as running:
        yield running
        running.empty()


def test_nothing_of_a_snapshot_is_the_trees_own_work(system: RefreshSystem) -> None:
    clean = (system.firmware.work / MODULE).read_text()
    hostile = system.firmware.commit({MODULE: HOSTILE + clean})
    pod = system.new_pod()
    pod.steps("plan", "checkout", "snapshot")
    homes = list((pod.work / hostile / "metadata").glob("home*"))
    assert {home.name for home in homes} >= {"home", "home-0"}
    for home in homes:
        refused = json.loads((home / "noted.json").read_bytes())
        assert refused.pop("home") == 0
        done = {name: code for name, code in refused.items() if code not in REFUSED}
        assert (done, len(refused)) == ({}, 13)
        for pid in (home / "left").read_text().split():
            gone(int(pid))
    pod.steps("publish")
    is_untouched(system, hostile)
    assert_is_as_checked_out(pod, system, hostile)

    later = system.firmware.commit({MODULE: clean})
    assert system.refresh().returncode == 0
    is_untouched(system, later)
    system.assert_whole(later)


def gone(pid: int) -> None:
    """It may still be on its way out; its number may be another's by then."""
    command = Path(f"/proc/{pid}/cmdline")
    wait_for("the end of what it left", lambda: not alive(command), seconds=10)


def alive(command: Path) -> bool:
    try:
        return b"qmk" in command.read_bytes()
    except OSError:
        return False


def is_untouched(system: RefreshSystem, commit: str) -> None:
    pointer = system.pointer()
    assert pointer is not None
    assert pointer.commit == commit
    packed = names(system, artifacts.keyboard_folder(commit, "demo"))
    assert "keyboards/demo/pad6/keyboard.json" in packed


def assert_is_as_checked_out(pod: Pod, system: RefreshSystem, commit: str) -> None:
    tree = pod.work / commit / "tree"
    assert (tree / "quantum/action.h").read_bytes() == (
        system.firmware.work / "quantum/action.h"
    ).read_bytes()
    assert not (tree / "quantum/evil.h").exists()


def test_a_node_without_a_sandbox_makes_no_snapshot(system: RefreshSystem, tmp_path: Path) -> None:
    commit = system.firmware.head()
    # A module of the same name that Python finds first: a kernel that has none.
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "if any('qmk_runner.contained' in word for word in sys.orig_argv):\n"
        "    from qmk_runner import sandbox_landlock\n"
        "    sandbox_landlock.abi = lambda: 0\n"
    )
    pod = system.new_pod()
    pod.steps("plan", "checkout")
    path = f"{tmp_path}:{pod.environment('snapshot')['PYTHONPATH']}"
    ended = pod.step("snapshot", below=["/usr/bin/env", f"PYTHONPATH={path}"])
    assert "was not run: This node's kernel has no landlock" in ended.stderr
    assert not list((pod.work / commit).glob("metadata/*/.build"))
    assert pod.step("publish").returncode == 1
    assert "no landlock" in system.status().message
    prefer = system.new_pod()
    prefer.steps("plan", "checkout")
    words = [f"PYTHONPATH={path}", "QMK_SANDBOX=prefer"]
    ended = prefer.step("snapshot", below=["/usr/bin/env", *words])
    assert "snapshot failed" not in ended.stderr
    assert prefer.step("publish").returncode == 0
