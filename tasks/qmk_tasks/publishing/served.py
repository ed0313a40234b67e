"""What a commit has in storage already, kept where the commit is published again. Pure.

Services read a commit's lists once and go by them for as long as a channel is at it. So an object
that such a list names keeps its bytes for as long as it is whole, though the same tree would give
others today: metadata says when it was made, and tools change.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from qmk_contract.site import SiteIndex
from qmk_contract.snapshot import Layer, Manifest
from qmk_tasks.layers import packing
from qmk_tasks.metadata.metadata import CONTENTS
from qmk_tasks.publishing import snapshot_folder
from qmk_tasks.publishing.snapshot_folder import Expected

IsWhole = Callable[[Expected], bool]


@dataclass(frozen=True)
class Lists:
    """Both lists of a commit, and the keys of the objects that are kept as they lie there."""

    manifest: Manifest
    index: SiteIndex
    kept: frozenset[str] = frozenset()

    def objects(self) -> list[Expected]:
        """All that is listed and not kept."""
        listed: Iterable[Expected] = (
            *snapshot_folder.layers(self.manifest),
            *snapshot_folder.site_objects(self.index),
        )
        return [expected for expected in listed if expected.key not in self.kept]


def keep_layers(made: Lists, served: Manifest, is_whole: IsWhole) -> Lists:
    """Take over layers that differ from those that were made, and are whole."""
    ours = {layer.key: layer for layer in _layers(made.manifest)}
    kept = {
        layer.key: layer
        for layer in _layers(served)
        if layer != ours.get(layer.key, layer) and is_whole(snapshot_folder.layer(layer))
    }
    names = {layer.key: name for name, layer in packing.layers(made.manifest).items()}
    contents = dict(made.manifest.contents)
    for key in kept.keys() & names.keys():
        contents.pop(names[key], None)
        if names[key] in served.contents:
            contents[names[key]] = served.contents[names[key]]
    manifest = _with(made.manifest, lambda layer: kept.get(layer.key, layer))
    return replace(
        made, manifest=replace(manifest, contents=contents), kept=made.kept | kept.keys()
    )


def keep_files(made: Lists, served: SiteIndex, then: str | None, is_whole: IsWhole) -> Lists:
    """Take over the site's files that differ from those that were made, and are whole.

    ``then`` is the digest of what they were made of: where it is another than today's, the next
    commit takes no metadata from this one.
    """
    kept = {
        path: served.files[path]
        for path, file in made.index.files.items()
        if path in served.files
        and served.files[path] != file
        and all(map(is_whole, _objects(served, path)))
    }
    keys = {one.key for path in kept for one in _objects(served, path)}
    contents = dict(made.manifest.contents)
    if kept and contents.get(CONTENTS) != then:
        contents.pop(CONTENTS, None)
    return Lists(
        replace(made.manifest, contents=contents),
        replace(made.index, files={**made.index.files, **kept}),
        made.kept | keys,
    )


def is_same(manifest: Manifest, served: Manifest | None) -> bool:
    """Whether two manifests list the same, whenever they were made."""
    return served is not None and replace(manifest, created=served.created) == served


def _layers(manifest: Manifest) -> list[Layer]:
    return [manifest.source, *packing.layers(manifest).values()]


def _with(manifest: Manifest, choose: Callable[[Layer], Layer]) -> Manifest:
    return replace(
        manifest,
        core=choose(manifest.core),
        source=choose(manifest.source),
        keyboards={name: choose(layer) for name, layer in manifest.keyboards.items()},
        chibios=choose(manifest.chibios) if manifest.chibios is not None else None,
        generator=choose(manifest.generator) if manifest.generator is not None else None,
    )


def _objects(index: SiteIndex, path: str) -> Iterable[Expected]:
    return snapshot_folder.site_objects(replace(index, files={path: index.files[path]}))
