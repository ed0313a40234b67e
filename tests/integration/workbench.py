"""The workbench as a process, on copies of the demo tree, and the plain ``qmk`` to compare with."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qmk_contract.codec import from_body, to_body
from qmk_contract.work_order import INTERNAL_KEYMAP_NAME, SandboxMode
from qmk_runner.workbench_order import Attempt, WorkbenchOrder, WorkbenchReport
from tests.build_pod import PACKAGES, ROOT

DIGEST = "d" * 64
KEYBOARD, LAYOUT, KEYS = "clueboard/66/rev3", "LAYOUT_66_ansi", 66
SEARCH_PATH = f"{Path(sys.executable).parent}:/usr/bin:/bin"
DEMO = ROOT / "tests/firmware"
#: What the tree's own Python and data need of a tree.
GENERATOR = ("lib/python", "data", "requirements.txt", "requirements-dev.txt")
_SECONDS = 120


@dataclass(frozen=True)
class Outcome:
    """How a build ended, with the firmware that it left."""

    returncode: int
    log: str
    firmware: bytes | None
    report: WorkbenchReport


@dataclass(frozen=True)
class Workbench:
    """``root`` is one build's folder; its ``tree`` is copied from the demo tree."""

    root: Path

    @property
    def tree(self) -> Path:
        return self.root / "tree"

    def lay_tree(self, paths: Sequence[str] | None = None) -> None:
        """Copy the demo tree, or only these parts of it."""
        for name in ("tree", "home", "tmp", "job", "record"):
            (self.root / name).mkdir(parents=True)
        for path in paths or [item.name for item in DEMO.iterdir()]:
            source, target = DEMO / path, self.tree / path
            if source.is_dir():
                shutil.copytree(source, target, ignore=_built)
            elif not path.endswith(".hex"):
                shutil.copyfile(source, target)

    def unpack(self, archive: Path) -> None:
        """Put a record where the order says it is."""
        packed = subprocess.run(["zstd", "-dqc", archive], stdout=subprocess.PIPE, check=True)
        subprocess.run(
            ["tar", "-xf", "-"], cwd=self.root / "record", input=packed.stdout, check=True
        )

    def run(
        self, attempt: Attempt, keymap: Mapping[str, Any], *, record: bool, **changes: Any
    ) -> Outcome:
        """Carry out one order."""
        (self.root / "keymap.json").write_text(json.dumps(keymap))
        given: dict[str, Any] = {
            "attempt": attempt,
            "tree": str(self.tree),
            "keymap": str(self.root / "keymap.json"),
            "home": str(self.root / "home"),
            "temporary": str(self.root / "tmp"),
            "keyboard": keymap["keyboard"],
            "keymap_name": keymap["keymap"],
            "make_jobs": 2,
            "sandbox": SandboxMode.REQUIRE,
            "record": str(self.root / "record") if record else None,
            "record_digest": DIGEST,
        }
        order = WorkbenchOrder(**(given | changes))
        job = self.root / "job"
        (job / "order.json").write_text(json.dumps(to_body(order)))
        arguments = [str(job / "order.json"), str(job / "report.json")]
        ended = self._python(["-P", "-m", "qmk_runner.workbench", *arguments])
        assert ended.returncode == 0, ended.stdout
        report = from_body(WorkbenchReport, json.loads((job / "report.json").read_text()))
        return Outcome(report.returncode, ended.stdout, self.firmware(), report)

    def plain(self, keymap: Mapping[str, Any]) -> tuple[int, bytes | None]:
        """What the plain ``qmk compile`` ends with, and the firmware it makes."""
        (self.root / "keymap.json").write_text(json.dumps(keymap))
        ended = subprocess.run(
            ["qmk", "compile", "-e", "SKIP_VERSION=yes", self.root / "keymap.json"],
            cwd=self.tree,
            env=self._environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_SECONDS,
            check=False,
        )
        return ended.returncode, self.firmware()

    def firmware(self) -> bytes | None:
        found = list(self.tree.glob("*.hex"))
        assert len(found) < 2
        return found[0].read_bytes() if found else None

    def _python(self, arguments: Sequence[str]) -> "subprocess.CompletedProcess[str]":
        packages = os.pathsep.join(str(ROOT / package) for package in PACKAGES)
        return subprocess.run(
            ["python3", *arguments],
            cwd=self.tree,
            env={**self._environment(), "PYTHONPATH": packages},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_SECONDS,
            check=False,
        )

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": SEARCH_PATH,
            "HOME": str(self.root / "home"),
            "TMPDIR": str(self.root / "tmp"),
            "QMK_HOME": str(self.tree),
            "ORIG_CWD": str(self.tree),
            "SKIP_GIT": "yes",
            "LC_ALL": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
        }


def keymap(*keys: str, layers: int = 2, **fields: Any) -> dict[str, Any]:
    """A keymap document; the first keys of its first layer are given."""
    made = [[*keys, *["KC_NO"] * (KEYS - len(keys))], *[["KC_TRNS"] * KEYS] * (layers - 1)]
    return {
        "version": 1,
        "keyboard": KEYBOARD,
        "keymap": INTERNAL_KEYMAP_NAME,
        "layout": LAYOUT,
        "layers": made,
        **fields,
    }


def _built(_folder: str, names: Sequence[str]) -> list[str]:
    return [name for name in names if name in (".build", "__pycache__")]
