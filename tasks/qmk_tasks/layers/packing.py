"""A tree's layers as archives: those whose files have not changed are taken over by name alone."""

import hashlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from qmk_contract import artifacts
from qmk_contract.snapshot import Layer, Manifest
from qmk_tasks.layers import archive, contents

#: What is unpacked at every build pays for the packing, which happens once for the same files.
_LEVEL = 19


@dataclass(frozen=True)
class Packed:
    """Layers by their names in a manifest's contents, and the digests of what is in them."""

    layers: Mapping[str, Layer]
    contents: Mapping[str, str]

    def keyboards(self) -> dict[str, Layer]:
        """The layers of keyboard folders, by folder."""
        start = contents.KEYBOARDS
        return {
            name.removeprefix(start): layer
            for name, layer in self.layers.items()
            if name.startswith(start)
        }


@dataclass(frozen=True)
class Packing:
    """Layers of one commit on their way: nothing of the tree is read any more.

    ``same`` are layers of the previous commit, ``tars`` archives that are still to be compressed.
    """

    commit: str
    objects: Path
    same: Mapping[str, Layer]
    tars: Mapping[str, Path]
    contents: Mapping[str, str]

    def finish(self) -> Packed:
        """Compress what is left to compress.

        Raises:
            TaskError: zstd failed.
        """
        archive.compress(list(self.tars.values()), level=_LEVEL)
        for name, tar in self.tars.items():
            file = self.objects / _key(name, self.commit)
            file.parent.mkdir(parents=True, exist_ok=True)
            tar.with_name(f"{tar.name}.zst").rename(file)
        made = len(self.contents) - len(self.same)
        _say(f"{made} layers were made, {len(self.same)} are as in the commit before.")
        return Packed({name: self._layer(name) for name in self.contents}, self.contents)

    def _layer(self, name: str) -> Layer:
        key = _key(name, self.commit)
        if name in self.same:
            return replace(self.same[name], key=key)
        return describe(self.objects, key)


def begin(
    tree: Path,
    commit: str,
    parts: Mapping[str, tuple[str, ...]],
    objects: Path,
    *,
    previous: Manifest | None,
    digests: Mapping[str, str],
) -> Packing:
    """Pack the layers that the previous commit's cannot stand in for.

    An archive that lies below ``objects`` already was made by a run before, of the same files.
    """
    known = layers(previous) if previous is not None else {}
    same = {
        name: known[name]
        for name in parts
        if previous is not None and name in known and previous.contents.get(name) == digests[name]
    }
    fresh = [
        name for name in parts if name not in same and not (objects / _key(name, commit)).exists()
    ]
    tars = {name: objects.with_name("packing") / f"{name}.tar" for name in fresh}
    for name, tar in tars.items():
        archive.tar(tree, parts[name], tar)
    return Packing(commit, objects, same, tars, dict(digests))


def describe(objects: Path, key: str) -> Layer:
    """A file as the manifest lists it."""
    with (objects / key).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Layer(key, (objects / key).stat().st_size, digest)


def layers(manifest: Manifest) -> dict[str, Layer]:
    """A manifest's layers by their names in its contents."""
    named = {
        contents.CORE: manifest.core,
        contents.GENERATOR: manifest.generator,
        contents.CHIBIOS: manifest.chibios,
        **{f"{contents.KEYBOARDS}{name}": layer for name, layer in manifest.keyboards.items()},
    }
    return {name: layer for name, layer in named.items() if layer is not None}


def _key(name: str, commit: str) -> str:
    keys: dict[str, Callable[[str], str]] = {
        contents.CORE: artifacts.core,
        contents.GENERATOR: artifacts.generator,
        contents.CHIBIOS: artifacts.chibios,
    }
    if name in keys:
        return keys[name](commit)
    return artifacts.keyboard_folder(commit, name.removeprefix(contents.KEYBOARDS))


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()
