"""What a build sees: a private folder with exactly the files that its key was made from."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from qmk_local.errors import LocalError
from qmk_local.image_recipes import ImageRecipe

KEY_SCHEMA = 1
KEY_LENGTH = 26
EXECUTABLE = 0o111


def image_key(recipe: ImageRecipe, root: Path, base: str) -> str:
    """Hex digits that stand for a recipe, its files' contents and the base image.

    `root` is the clone or a staged context. Times and owners of files don't count.
    Raises `LocalError` for an input that is missing.
    """
    facts = {
        "schema": KEY_SCHEMA,
        "name": recipe.name,
        "base": base,
        "arguments": dict(recipe.arguments),
        "files": [_file_facts(root, path) for path in input_files(recipe, root)],
    }
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]


def input_files(recipe: ImageRecipe, clone: Path) -> list[Path]:
    """Every file of the inputs and the Dockerfile, relative to the clone, sorted."""
    found: set[Path] = set()
    for name in (recipe.dockerfile, *recipe.inputs):
        place = clone / name
        if place.is_dir():
            found.update(path.relative_to(clone) for path in _sources(place))
        elif place.is_file():
            found.add(Path(name))
        else:
            raise LocalError(f"{name} is missing, and image {recipe.name} is made from it.")
    return sorted(found)


def stage_context(recipe: ImageRecipe, clone: Path, folder: Path) -> None:
    """Copy the inputs to an empty folder, all with the same time: a layer depends on contents."""
    for path in input_files(recipe, clone):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(clone / path, target)
        target.chmod(0o755 if _is_executable(clone / path) else 0o644)
        os.utime(target, (0, 0))


def _sources(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts and path.suffix != ".pyc":
            yield path


def _file_facts(root: Path, path: Path) -> list[str | bool]:
    digest = hashlib.sha256((root / path).read_bytes()).hexdigest()
    return [path.as_posix(), digest, _is_executable(root / path)]


def _is_executable(path: Path) -> bool:
    return bool(path.stat().st_mode & EXECUTABLE)
