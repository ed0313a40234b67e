"""What went into each layer, as one digest: the same files make the same layer."""

import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from qmk_tasks.layers.layers import Layers

CORE = "core"
GENERATOR = "generator"
CHIBIOS = "chibios"
#: A keyboard folder's layer is called so, with the folder's name behind it.
KEYBOARDS = "keyboards/"
#: How files become a layer; another way has another number, so that all layers are made anew.
_RECIPE = b"1\n"


def paths_by_part(parts: Layers) -> dict[str, tuple[str, ...]]:
    """The files of each layer that is not empty, by the layer's name in a manifest's contents."""
    named = {CORE: parts.core, GENERATOR: parts.generator, CHIBIOS: parts.chibios}
    keyboards = {f"{KEYBOARDS}{name}": paths for name, paths in parts.keyboards.items()}
    return {name: paths for name, paths in {**named, **keyboards}.items() if paths}


def digests(tree: Path, parts: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """SHA-256 of paths, kinds and contents of each layer's files, by the layer's name."""
    known: dict[str, bytes] = {}
    found = {}
    for name, paths in parts.items():
        digest = hashlib.sha256(_RECIPE)
        for path in paths:
            if path not in known:
                known[path] = _describe(tree / path)
            digest.update(os.fsencode(path) + b"\0" + known[path] + b"\n")
        found[name] = digest.hexdigest()
    return found


def _describe(file: Path) -> bytes:
    mode = file.lstat().st_mode
    if stat.S_ISLNK(mode):
        return b"link " + hashlib.sha256(os.fsencode(file.readlink())).hexdigest().encode()
    kind = b"program " if mode & 0o111 else b"file "
    return kind + hashlib.sha256(file.read_bytes()).hexdigest().encode()
