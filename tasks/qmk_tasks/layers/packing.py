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


def pack(
    tree: Path,
    commit: str,
    parts: Mapping[str, tuple[str, ...]],
    objects: Path,
    *,
    previous: Manifest | None,
    digests: Mapping[str, str],
) -> Packed:
    """Make the archives below ``objects`` that the previous commit's cannot stand in for.

    An archive that lies there already was made by a run before, of the same files.

    Raises:
        TaskError: zstd failed.
    """
    known = _layers(previous) if previous is not None else {}
    same = {
        name: known[name]
        for name in parts
        if previous is not None and name in known and previous.contents.get(name) == digests[name]
    }
    made = {name: objects / _key(name, commit) for name in parts if name not in same}
    fresh = {name: file for name, file in made.items() if not file.exists()}
    tars = {name: objects.with_name("packing") / f"{name}.tar" for name in fresh}
    for name, tar in tars.items():
        archive.tar(tree, parts[name], tar)
    archive.compress(list(tars.values()), level=_LEVEL)
    for name, file in fresh.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        tars[name].with_name(f"{tars[name].name}.zst").rename(file)
    _say(f"{len(made)} layers were made, {len(same)} are as in the commit before.")
    layers = {name: replace(layer, key=_key(name, commit)) for name, layer in same.items()}
    layers |= {name: describe(objects, _key(name, commit)) for name in made}
    return Packed({name: layers[name] for name in parts}, dict(digests))


def describe(objects: Path, key: str) -> Layer:
    """A file as the manifest lists it."""
    with (objects / key).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return Layer(key, (objects / key).stat().st_size, digest)


def _layers(manifest: Manifest) -> dict[str, Layer]:
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
