"""A pod whose firmware tree, keymap or request is up to no good, and what it must not reach."""

import hashlib
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qmk_contract import artifacts
from qmk_contract.work_order import INTERNAL_KEYMAP_NAME, BuildOrder, Fetch
from tests.build_pod import ROOT, BuildPod, archive, build_order, upload_order
from tests.http_storage import HttpStorage

KEYBOARD, LAYOUT, KEYS = "demo/pad6", "LAYOUT_wide", 5
#: Stands in every file and environment that no build may read.
CANARY = "canary-5f1c8e"
#: What hostile code prints when it got somewhere.
REACHED = "REACHED"
_KEYMAP_PY = "lib/python/qmk/keymap.py"
_KEYMAP_C_ENDS = '    return "\\n".join(lines)\n'
#: Runs what may be refused, and says how that went.
_ATTEMPT = f"""
import os, sys

def attempt(function, *arguments):
    try:
        got = function(*arguments)
    except OSError as error:
        print("refused:", error.strerror, file=sys.stderr)
    else:
        print("{REACHED}", got, file=sys.stderr)
"""


@dataclass(frozen=True)
class Attack:
    """Text for the keymap.c, the keyboard's rules.mk, the tree's Python, keys of the request.

    ``{secret}``, ``{shared}`` and ``{scratch}`` stand for paths. ``prints`` is what must be in the
    log to know that the attack took place and what became of it.
    """

    name: str
    c: str = ""
    make: str = ""
    python: str = ""
    request: Mapping[str, Any] = field(default_factory=dict)
    prints: str = ""
    timeout_seconds: int = 20


@dataclass(frozen=True)
class Fallout:
    """How the build of an attack ended, and all that it left for others to see."""

    code: int
    output: str
    seconds: float
    files: Mapping[str, bytes]

    @property
    def log(self) -> str:
        return self.files[artifacts.LOG].decode("utf-8", "replace")

    @property
    def result(self) -> dict[str, Any] | None:
        data = self.files.get(artifacts.RESULT)
        return None if data is None else dict(json.loads(data))


@dataclass
class HostilePod(BuildPod):
    """``innocent`` is the demo tree as a layer, ``root`` the folder beside which others build."""

    root: Path = field(kw_only=True)
    storage: HttpStorage = field(kw_only=True)
    innocent: bytes = field(kw_only=True)

    @property
    def secret(self) -> Path:
        """A file of another build, which is C, make's text and Python at once."""
        return self.root / "other-build" / "keymap.c"

    def attack(self, attack: Attack) -> Fallout:
        """Build with the attack in the tree and in the request."""
        return self._build(_overlay(attack, self._filled), attack)

    def build(self) -> Fallout:
        """Build what is innocent, in the same place."""
        return self._build({}, Attack("none"))

    def left_behind(self) -> list[int]:
        """Processes that still have to do with the scratch folder."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if (folder / "cwd").readlink().is_relative_to(self.scratch):
                    found.append(int(folder.name))
            except OSError:
                continue
        return [pid for pid in found if pid not in {process.pid for process in self.processes}]

    def _build(self, overlay: Mapping[str, str], attack: Attack) -> Fallout:
        self.secret.parent.mkdir(exist_ok=True)
        self.secret.write_text(f"{CANARY}\n")
        # A pod's volume is new, and lies where the one before it lay.
        shutil.rmtree(self.scratch)
        self.shared.mkdir(parents=True)
        upload = self.start("upload", upload_order(lambda key: f"{self.storage.url}/{CANARY}{key}"))
        begun = time.monotonic()
        order = self._order(overlay, attack)
        code, output = self.run("build", order, CANARY=CANARY)
        seconds = time.monotonic() - begun
        upload.communicate(timeout=20)
        files = {path.name: path.read_bytes() for path in self.shared.iterdir() if path.is_file()}
        return Fallout(code, output, seconds, files)

    def _order(self, overlay: Mapping[str, str], attack: Attack) -> BuildOrder:
        request = {
            "version": 1,
            "keyboard": KEYBOARD,
            "keymap": INTERNAL_KEYMAP_NAME,
            "layout": LAYOUT,
            "layers": [["KC_A"] * KEYS],
            **attack.request,
        }
        layers = {"innocent": self.innocent}
        if overlay:
            layers["overlay"] = layer(overlay)
        self.storage.objects["request"] = json.dumps(request).encode()
        self.storage.objects.update(layers)
        return build_order(
            KEYBOARD,
            Fetch(self._secret_url("request")),
            [
                Fetch(self._secret_url(name), hashlib.sha256(data).hexdigest(), len(data))
                for name, data in layers.items()
            ],
            timeout_seconds=attack.timeout_seconds,
        )

    def _secret_url(self, key: str) -> str:
        return f"{self.storage.url}/{key}?X-Amz-Signature={CANARY}"

    def _filled(self, text: str) -> str:
        for name, path in (
            ("{secret}", self.secret),
            ("{shared}", self.shared),
            ("{scratch}", self.scratch),
        ):
            text = text.replace(name, str(path))
        return text


def demo_tree() -> bytes:
    """The demo tree as it lies in the repository, without what builds leave in it."""
    tracked = subprocess.run(
        ["git", "ls-files", "-z", "."], cwd=ROOT / "tests/firmware", capture_output=True, check=True
    ).stdout.decode()
    folder = ROOT / "tests/firmware"
    return layer({name: (folder / name).read_text() for name in tracked.split("\0") if name})


def layer(files: Mapping[str, str]) -> bytes:
    """A layer of a snapshot: these files in a .tar.zst."""
    return subprocess.run(
        ["zstd", "-q", "-c", "-1"], input=archive(files), capture_output=True, check=True
    ).stdout


def _overlay(attack: Attack, filled: Callable[[str], str]) -> dict[str, str]:
    files = {}
    if attack.make:
        files[f"keyboards/{KEYBOARD}/rules.mk"] = filled(attack.make) + "\n"
    if attack.c or attack.python:
        source = (ROOT / "tests/firmware" / _KEYMAP_PY).read_text()
        if attack.c:
            ending = _KEYMAP_C_ENDS.rstrip() + f" + {filled(attack.c)!r}\n"
            assert source.count(_KEYMAP_C_ENDS) == 1
            source = source.replace(_KEYMAP_C_ENDS, ending)
        if attack.python:
            source += _ATTEMPT + filled(attack.python) + "\n"
        files[_KEYMAP_PY] = source
    return files


def seen_by_others(fallout: Fallout) -> bytes:
    """All bytes that leave the pod."""
    return fallout.output.encode() + b"".join(fallout.files.values())
