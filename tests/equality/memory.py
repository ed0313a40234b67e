"""Builds that were made before, so that a run that was broken off goes on where it ended."""

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from qmk_contract.build_key import canonical_json
from tests.equality.checkout import Built


class Memory:
    """One JSON file for each build in a folder, by the keymap document and how it was built."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def recall(self, how: str, body: Mapping[str, Any], build: Callable[[], Built]) -> Built:
        """The build of a document, made now if it never was."""
        digest = hashlib.sha256(canonical_json({"how": how, "keymap": body})).hexdigest()
        path = self._folder / f"{digest}.json"
        if path.is_file():
            return Built(**json.loads(path.read_bytes()))
        built = build()
        partial = path.with_suffix(f".{os.getpid()}")
        partial.write_text(json.dumps(dataclasses.asdict(built)))
        partial.replace(path)
        return built
