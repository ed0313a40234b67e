"""A plain ``qmk compile`` in a checkout: what every path is compared with."""

import hashlib
import json
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qmk_contract.build_key import request_document
from qmk_contract.keymap import Keymap
from tests.equality.boards import Board

EXTENSIONS = ("hex", "bin", "uf2")
_TIMEOUT_SECONDS = 600
_TAIL_LINES = 12


@dataclass(frozen=True)
class Built:
    """How a build ended: its firmware's digest and extension, or none, and the log's last lines."""

    sha256: str | None
    extension: str | None
    size: int
    seconds: float
    tail: str

    def same_as(self, other: "Built") -> bool:
        """Equal bytes, or no firmware both times."""
        return (self.sha256, self.extension) == (other.sha256, other.extension)


def document(board: Board, keymap: Keymap) -> dict[str, Any]:
    """The JSON that the service hands to ``qmk compile``, under its constant keymap name."""
    return request_document(board.name, keymap, "keymap")


class Checkout:
    """A private copy of a tree, in which plain builds are made one after the other."""

    def __init__(self, tree: Path, folder: Path, search_path: str) -> None:
        self.tree = folder / "tree"
        self._folder = folder
        self._search_path = search_path
        if not self.tree.exists():
            partial = folder / "copying"
            shutil.rmtree(partial, ignore_errors=True)
            shutil.copytree(tree, partial, symlinks=True)
            partial.rename(self.tree)

    def compile(self, body: Mapping[str, Any]) -> Built:
        """Build a keymap document with nothing left of the build before."""
        shutil.rmtree(self.tree / ".build", ignore_errors=True)
        keymap = self._folder / "keymap.json"
        keymap.write_text(json.dumps(body))
        stem = f"{body['keyboard'].replace('/', '_')}_{body['keymap']}"
        for extension in EXTENSIONS:
            (self.tree / f"{stem}.{extension}").unlink(missing_ok=True)
        started = time.monotonic()
        ended = subprocess.run(
            ["qmk", "--no-color", "compile", "-e", "SKIP_VERSION=yes", str(keymap)],
            cwd=self.tree,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
        seconds = time.monotonic() - started
        found = [path for end in EXTENSIONS if (path := self.tree / f"{stem}.{end}").is_file()]
        log = ended.stdout.decode("utf-8", "replace").strip().splitlines()
        tail = "\n".join(log[-_TAIL_LINES:])
        if ended.returncode != 0 or len(found) != 1:
            return Built(None, None, 0, seconds, tail)
        data = found[0].read_bytes()
        digest = hashlib.sha256(data).hexdigest()
        return Built(digest, found[0].suffix[1:], len(data), seconds, tail)

    def _environment(self) -> dict[str, str]:
        home = self._folder / "home"
        home.mkdir(exist_ok=True)
        return {
            "PATH": self._search_path,
            "HOME": str(home),
            "QMK_HOME": str(self.tree),
            "ORIG_CWD": str(self.tree),
            "SKIP_GIT": "yes",
            "LC_ALL": "C.UTF-8",
        }
