"""Everything that is published of one firmware tree, as files named like their objects.

The folder holds no more than what publish uploads; nothing of it is visible to anybody before
that. Where the tree came from is its caller's business.
"""

import json
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from qmk_contract import artifacts
from qmk_contract.codec import to_body
from qmk_contract.site import SiteIndex
from qmk_contract.snapshot import SOURCE_FOLDER, Manifest
from qmk_tasks.containment import Containment
from qmk_tasks.errors import TaskError
from qmk_tasks.layers import archive, contents, layers, packing
from qmk_tasks.layers.layers import Layers
from qmk_tasks.layers.packing import Packed
from qmk_tasks.metadata import metadata, site
from qmk_tasks.metadata.previous import Previous

_FAULTY_SHOWN = 50


def build(
    tree: Path,
    commit: str,
    objects: Path,
    *,
    home: Path,
    containment: Containment,
    previous: Previous | None = None,
) -> Manifest:
    """Make a tree's archives and its keyboard site below ``objects``, the manifest last.

    The same tree gives the same archives, byte for byte; its own code, which runs meanwhile, can
    change neither the tree nor anything below ``objects``. Keyboards that the tree itself finds
    faults with are published with them, and named in the site's index. What is as in the previous
    commit is listed, and not made.

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
    named = contents.paths_by_part(parts)
    digests = contents.digests(tree, named)
    before = previous.manifest if previous is not None else None
    # Before the tree's own code runs, which can write to no file of it, but change their modes.
    begun = packing.begin(tree, commit, named, objects, previous=before, digests=digests)
    source = metadata.Source(tree, commit, containment, _unchanged(digests, before))
    with ThreadPoolExecutor(2) as pool:
        written = site.root(objects, commit)
        made = pool.submit(metadata.generate, source, home, written, previous=previous)
        zipped = pool.submit(_zip, tree, parts, objects / artifacts.source(commit))
        packed = begun.finish()
        zipped.result()
        generated = made.result()
    there = previous.index if previous is not None else None
    kept = generated.kept
    _report(site.index(objects, commit, generated.faults, kept=kept, previous=there))
    manifest = _manifest(commit, packed, objects, generated.inputs)
    (objects / artifacts.manifest(commit)).write_text(json.dumps(to_body(manifest)))
    return manifest


def _unchanged(digests: Mapping[str, str], before: Manifest | None) -> frozenset[str]:
    """Top-level keyboard folders that have the very files of the commit before."""
    then = before.contents if before is not None else {}
    same = {name for name, digest in digests.items() if then.get(name) == digest}
    start = contents.KEYBOARDS
    return frozenset(name.removeprefix(start) for name in same if name.startswith(start))


def _zip(tree: Path, parts: Layers, target: Path) -> None:
    if not target.exists():
        fresh = target.with_name(f"{target.name}.new")
        archive.zip_file(tree, parts.source, fresh, folder=SOURCE_FOLDER)
        fresh.rename(target)


def _manifest(commit: str, packed: Packed, objects: Path, inputs: str | None) -> Manifest:
    return Manifest(
        commit=commit,
        created=datetime.now(UTC),
        core=packed.layers[contents.CORE],
        source=packing.describe(objects, artifacts.source(commit)),
        keyboards=packed.keyboards(),
        chibios=packed.layers.get(contents.CHIBIOS),
        generator=packed.layers.get(contents.GENERATOR),
        contents={**packed.contents, **({metadata.CONTENTS: inputs} if inputs else {})},
    )


def _report(index: SiteIndex) -> None:
    if not index.faults:
        return
    _say(f"The tree finds faults with {len(index.faults)} of its keyboards:")
    for keyboard, faults in list(index.faults.items())[:_FAULTY_SHOWN]:
        _say(f"  {keyboard}: {'; '.join(faults)!r}")


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()
