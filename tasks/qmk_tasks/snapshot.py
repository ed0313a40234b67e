"""Everything that is published of one firmware tree, as files named like their objects.

The folder holds no more than what publish uploads; nothing of it is visible to anybody before
that. Where the tree came from is its caller's business.
"""

import hashlib
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from qmk_contract import artifacts
from qmk_contract.codec import to_body
from qmk_contract.site import SiteIndex
from qmk_contract.snapshot import SOURCE_FOLDER, Layer, Manifest
from qmk_tasks import archive, layers, metadata, site
from qmk_tasks.errors import TaskError
from qmk_tasks.layers import Layers

#: What is unpacked at every build pays for the packing, which happens once a commit.
_LEVEL = 15
_FAULTY_SHOWN = 50


def build(tree: Path, commit: str, objects: Path, *, home: Path, search_path: str) -> Manifest:
    """Make a tree's archives and its keyboard site below ``objects``, the manifest last.

    The same tree gives the same archives, byte for byte. Keyboards that the tree itself finds
    faults with are published with them, and named in the site's index.

    Raises:
        TaskError: the tree is none, or its own code failed.
    """
    parts = layers.split(archive.files(tree))
    if not parts.core or not parts.keyboards:
        raise TaskError("this is no firmware tree: it has no keyboards, or nothing else")
    for name in parts.unnamed:
        _say(
            f"Left out: {f'keyboards/{name}'!r}, a name that is not lower-case letters and digits."
        )
    written = site.root(objects, commit)
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(
            metadata.generate, metadata.Source(tree, commit, search_path), home, written
        )
        _pack(tree, parts, commit, objects)
        generated = made.result()
    _report(site.index(objects, commit, generated.faults, kept=generated.kept))
    manifest = Manifest(
        commit=commit,
        created=datetime.now(UTC),
        core=_layer(objects, artifacts.core(commit)),
        source=_layer(objects, artifacts.source(commit)),
        keyboards={
            name: _layer(objects, artifacts.keyboard_folder(commit, name))
            for name in parts.keyboards
        },
        chibios=_layer(objects, artifacts.chibios(commit)) if parts.chibios else None,
    )
    (objects / artifacts.manifest(commit)).write_text(json.dumps(to_body(manifest)))
    return manifest


def _pack(tree: Path, parts: Layers, commit: str, objects: Path) -> None:
    packed = {artifacts.core(commit): parts.core}
    if parts.chibios:
        packed[artifacts.chibios(commit)] = parts.chibios
    for name, paths in parts.keyboards.items():
        packed[artifacts.keyboard_folder(commit, name)] = paths
    archives = [objects / key.removesuffix(".zst") for key in packed]
    for target, paths in zip(archives, packed.values(), strict=True):
        archive.tar(tree, paths, target)
    archive.compress(archives, level=_LEVEL)
    archive.zip_file(tree, parts.source, objects / artifacts.source(commit), folder=SOURCE_FOLDER)


def _layer(objects: Path, key: str) -> Layer:
    with (objects / key).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Layer(key, (objects / key).stat().st_size, digest)


def _report(index: SiteIndex) -> None:
    if not index.faults:
        return
    _say(f"The tree finds faults with {len(index.faults)} of its keyboards:")
    for keyboard, faults in list(index.faults.items())[:_FAULTY_SHOWN]:
        _say(f"  {keyboard}: {'; '.join(faults)!r}")


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()
