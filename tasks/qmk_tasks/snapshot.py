"""Everything that is published of one firmware tree, as files named like their objects.

The folder holds no more than what publish uploads; nothing of it is visible to anybody before
that. Where the tree came from is its caller's business.
"""

import hashlib
import json
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from qmk_contract import artifacts
from qmk_contract.codec import to_body
from qmk_contract.snapshot import Layer, Manifest
from qmk_tasks import archive, layers, metadata
from qmk_tasks.errors import TaskError

SOURCE_FOLDER = "qmk_firmware"
#: What is unpacked at every build pays for the packing, which happens once a commit.
_LEVEL = 15
_WORKERS = 2
_FAILURES_SHOWN = 50


def build(tree: Path, commit: str, objects: Path, *, home: Path, search_path: str) -> Manifest:
    """Make the archives and the metadata of a tree below ``objects``, the manifest last.

    The same tree gives the same archives, byte for byte. Keyboards that the tree itself finds
    faults with are listed, and published with them.

    Raises:
        TaskError: the tree is none, or its own code failed.
    """
    parts = layers.split(archive.files(tree))
    if not parts.core or not parts.keyboards:
        raise TaskError("this is no firmware tree: it has no keyboards, or nothing else")
    for name in parts.unnamed:
        _say(f"Left out: keyboards/{name}, a name that is not lower-case letters and digits.")
    folders = {artifacts.keyboard_folder(commit, name): name for name in parts.keyboards}
    described = objects / artifacts.metadata(commit, "keyboards")
    jobs: list[Callable[[], None]] = [
        lambda: metadata.generate(tree, home, search_path, described.parent),
        lambda: _tar(tree, parts.core, objects / artifacts.core(commit)),
        lambda: archive.zip_file(
            tree, parts.source, objects / artifacts.source(commit), folder=SOURCE_FOLDER
        ),
        lambda: _tar(tree, parts.chibios, objects / artifacts.chibios(commit)),
        *(
            lambda key=key, name=name: _tar(tree, parts.keyboards[name], objects / key)
            for key, name in folders.items()
        ),
    ]
    with ThreadPoolExecutor(_WORKERS) as pool:
        for done in [pool.submit(job) for job in jobs]:
            done.result()
    _report_failures(described.parent)
    manifest = Manifest(
        commit=commit,
        created=datetime.now(UTC),
        core=_layer(objects, artifacts.core(commit)),
        source=_layer(objects, artifacts.source(commit)),
        keyboards={name: _layer(objects, key) for key, name in folders.items()},
        chibios=_layer(objects, artifacts.chibios(commit)) if parts.chibios else None,
    )
    (objects / artifacts.manifest(commit)).write_text(json.dumps(to_body(manifest)))
    return manifest


def _tar(tree: Path, paths: tuple[str, ...], target: Path) -> None:
    if paths:
        archive.tar_zst(tree, paths, target, level=_LEVEL)


def _layer(objects: Path, key: str) -> Layer:
    with (objects / key).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Layer(key, (objects / key).stat().st_size, digest)


def _report_failures(described: Path) -> None:
    found = metadata.failures(described)
    if not found:
        return
    _say(f"The tree finds faults with {len(found)} of its keyboards:")
    for keyboard, errors in list(found.items())[:_FAILURES_SHOWN]:
        _say(f"  {keyboard}: {'; '.join(errors)}")


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()
