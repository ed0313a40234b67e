"""Builds by the service's own ``build`` program, one path at a time, on a tree's own layers."""

import hashlib
import json
import shutil
import subprocess
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qmk_contract import artifacts
from qmk_contract.build_key import canonical_json
from qmk_contract.codec import from_body
from qmk_contract.keyboard_record import plain_keymap, record_digest
from qmk_contract.result import BuildPath, BuildResult
from qmk_contract.snapshot import Layer, Manifest
from qmk_contract.work_order import Fetch
from qmk_tasks.layers import archive, layers
from tests.build_pod import BuildPod, build_order
from tests.equality.boards import Board
from tests.equality.checkout import Built, document
from tests.http_storage import HttpStorage

TOOLCHAIN_DIGEST = "sha256:" + "e" * 64
_COMMIT = "c" * 40
_SECONDS = 600
_FETCH_SECONDS = 300
_TAIL_LINES = 12


class Snapshot:
    """The layers of a tree, packed once in a folder, and served as objects."""

    def __init__(self, tree: Path, folder: Path, storage: HttpStorage) -> None:
        self.storage = storage
        parts = layers.split(archive.files(tree))
        packed = {"core": parts.core, "generator": parts.generator, "chibios": parts.chibios}
        self.layers = {
            name: self._pack(tree, folder, f"firmware/{name}.tar.zst", paths)
            for name, paths in packed.items()
            if paths
        }
        self._keyboards = parts.keyboards
        self._tree, self._folder = tree, folder

    def manifest(self, board: Board) -> Manifest:
        """What is published of the tree, as far as one board needs it."""
        name = board.name.split("/")[0]
        key = f"firmware/keyboards/{name}.tar.zst"
        layer = self._pack(self._tree, self._folder, key, self._keyboards[name])
        return Manifest(
            commit=_COMMIT,
            created=datetime.fromtimestamp(archive.EPOCH, UTC),
            core=self.layers["core"],
            source=self.layers["core"],
            keyboards={name: layer},
            chibios=self.layers.get("chibios"),
            generator=self.layers["generator"],
        )

    def fetch(self, layer: Layer) -> Fetch:
        return Fetch(self.storage.url_of(layer.key), layer.sha256, layer.size)

    def put(self, key: str, data: bytes) -> Fetch:
        self.storage.objects[key] = data
        return Fetch(self.storage.url_of(key), hashlib.sha256(data).hexdigest(), len(data))

    def _pack(self, tree: Path, folder: Path, key: str, paths: tuple[str, ...]) -> Layer:
        packed = folder / key
        if not packed.is_file():
            archive.tar(tree, paths, packed.with_suffix(""))
            archive.compress([packed.with_suffix("")], level=3)
        fetch = self.put(key, packed.read_bytes())
        return Layer(key, fetch.size or 0, fetch.sha256 or "")


class ServiceBuilds:
    """One board after another, in a scratch folder of its own."""

    def __init__(self, snapshot: Snapshot, folder: Path, search_path: str) -> None:
        self._snapshot = snapshot
        self._folder = folder
        self._search_path = search_path

    def record(self, board: Board) -> Fetch | None:
        """Make the board's record, as a trusted build does; None if its build leaves none."""
        if (keymap := plain_keymap(board.keyboard)) is None:
            return None
        self._run(board, document(board, keymap), path=BuildPath.FULL, recording=True)
        record = self._shared / artifacts.RECORD
        if not record.is_file():
            return None
        key = f"cache/{board.name}.tar.zst"
        return self._snapshot.put(key, record.read_bytes())

    def compile(
        self, board: Board, body: Mapping[str, Any], path: BuildPath, record: Fetch | None
    ) -> tuple[Built, BuildResult | None]:
        """Build a keymap document with what one path needs, and no more, at hand."""
        started = time.monotonic()
        output = self._run(board, body, path=path, record=record)
        seconds = time.monotonic() - started
        tail = "\n".join(output.strip().splitlines()[-_TAIL_LINES:])
        stored = self._shared / artifacts.RESULT
        if not stored.is_file():
            return Built(None, None, 0, seconds, f"no result: {tail}"), None
        result = from_body(BuildResult, json.loads(stored.read_bytes()))
        made = result.firmware
        if made is None:
            return Built(None, None, 0, seconds, tail), result
        return Built(made.sha256, made.extension, made.size, seconds, tail), result

    @property
    def _shared(self) -> Path:
        return self._folder / "scratch" / "out"

    def _run(
        self,
        board: Board,
        body: Mapping[str, Any],
        *,
        path: BuildPath,
        record: Fetch | None = None,
        recording: bool = False,
    ) -> str:
        shutil.rmtree(self._folder / "scratch", ignore_errors=True)
        (self._folder / "scratch").mkdir(parents=True)
        manifest = self._snapshot.manifest(board)
        converted = "converter" in body
        needed = manifest.layers_for(
            board.name, "chibios" if converted else board.keyboard.platform
        )
        generator = self._snapshot.fetch(manifest.generator) if manifest.generator else None
        order = build_order(
            board.name,
            self._snapshot.put(f"requests/{self._folder.name}.json", canonical_json(body)),
            map(self._snapshot.fetch, needed),
            keymap_name=body["keymap"],
            toolchain_digest=TOOLCHAIN_DIGEST,
            timeout_seconds=_SECONDS,
            fetch_seconds=_FETCH_SECONDS,
            # The fast path needs both; without the generator a record serves the partial one.
            generator=generator if path is BuildPath.FAST or recording else None,
            record=None if path is BuildPath.FULL else record,
            record_digest=record_digest(needed, TOOLCHAIN_DIGEST),
            recording=recording,
        )
        process = BuildPod(self._folder / "scratch", self._search_path).start("build", order)
        try:
            output, _ = process.communicate(timeout=_SECONDS + 60)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
        return output.decode("utf-8", "replace")
