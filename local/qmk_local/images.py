"""Builds the images of the release on this machine, and only those whose inputs changed."""

import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from qmk_local import docker_build, packages
from qmk_local.buildah import buildah_session
from qmk_local.commands import CommandFailed, find
from qmk_local.debian_base import cached_base, make_base
from qmk_local.docker_build import Docker
from qmk_local.errors import LocalError
from qmk_local.image_context import image_key, stage_context
from qmk_local.image_pip import configured_pip, stage_pip_settings
from qmk_local.image_recipes import ImageRecipe, image_recipes
from qmk_local.image_store import DRAFT_PREFIX, BuiltImage, ImageStore
from qmk_local.lock import exclusive
from qmk_local.progress import Progress
from qmk_local.settings import Backend, Settings

GIB = 1024**3
FREE_BYTES_NEEDED = 4 * GIB  # stages of all images, their archives, and room to unpack
# Ubuntu's mmdebstrap does not bring the keys that Debian's packages are signed with.
ARCHIVE_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
NEEDS = (packages.Need("buildah", "buildah"), packages.Need("mmdebstrap", "mmdebstrap"))
# buildah: "STEP 2/7: RUN ...", Docker: "Step 2/7 : RUN ...", BuildKit: "#8 [build 2/7] RUN ...".
BUILD_INSTRUCTION = re.compile(r"(?:(?:STEP|Step) \d+/\d+ ?: |^#\d+ \[[^]]*\d+/\d+\] )(.+)")
INSTRUCTION_SHOWN_LENGTH = 70


class ImageBuilder(Protocol):
    """What builds an image from a folder, and writes it to an archive."""

    def build(
        self,
        recipe: ImageRecipe,
        context: Path,
        log: Path,
        follow: Callable[[str], None],
        fresh: bool,
    ) -> None:
        """Make `localhost/<name>:latest`, with `fresh` from nothing. Raises `CommandFailed`."""

    def save(self, name: str, archive: Path, log: Path) -> str:
        """Write that image, named by its digest, and return the digest. Raises `CommandFailed`."""


def build_all(
    settings: Settings, progress: Progress, backend: Backend, refresh: bool = False
) -> dict[str, BuiltImage]:
    """All images for the backend's cluster, by name; recorded in `.local/images.json`.

    `kind` builds with Docker, `native` with buildah. What was built from the same inputs before,
    by any clone of this user, is taken from the cache. `refresh` builds everything anew from
    today's packages. Raises `LocalError` with one sentence.
    """
    recipes = image_recipes(settings.toolchains)
    found = {} if refresh else _cached(recipes, settings, _known_base(settings, backend))
    if len(found) < len(recipes):
        with exclusive(settings.cache / "images.lock", "an image build", progress):
            found = _build_missing(recipes, settings, progress, backend, refresh)
    _record(settings.local / "images.json", found)
    return found


def _build_missing(
    recipes: Sequence[ImageRecipe],
    settings: Settings,
    progress: Progress,
    backend: Backend,
    refresh: bool,
) -> dict[str, BuiltImage]:
    _refuse_full_disk(settings.cache)
    ImageStore(settings.cache / "images").remove_drafts()
    with _builder(settings, progress, backend, refresh) as (builder, base):
        # Another command may have built them while this one waited for the lock.
        found = {} if refresh else _cached(recipes, settings, base)
        bench = _Bench(builder, base, refresh, configured_pip())
        for recipe in recipes:
            if recipe.name not in found:
                found[recipe.name] = _build(recipe, settings, progress, bench)
    return found


@dataclass(frozen=True)
class _Bench:
    builder: ImageBuilder
    base: str
    fresh: bool
    pip: Mapping[str, str]


def _build(
    recipe: ImageRecipe, settings: Settings, progress: Progress, bench: _Bench
) -> BuiltImage:
    def follow(line: str) -> None:
        if instruction := BUILD_INSTRUCTION.search(line):
            step.update(instruction[1][:INSTRUCTION_SHOWN_LENGTH])

    log = settings.logs / f"image-{recipe.name}.log"
    log.unlink(missing_ok=True)
    store = ImageStore(settings.cache / "images")
    store.folder.mkdir(parents=True, exist_ok=True)
    with (
        progress.step(f"Image {recipe.name}") as step,
        tempfile.TemporaryDirectory(dir=store.folder, prefix=DRAFT_PREFIX) as folder,
    ):
        context, draft = Path(folder) / "context", Path(folder) / "image.tar"
        stage_context(recipe, settings.clone, context)
        stage_pip_settings(settings.clone, context, bench.pip)
        # Of what was copied, not of the clone, where a person may be editing.
        key = image_key(recipe, context, bench.base)
        try:
            bench.builder.build(recipe, context, log, follow, bench.fresh)
            step.update("writing the archive")
            digest = bench.builder.save(recipe.name, draft, log)
        except CommandFailed as error:
            raise LocalError(f"Image {recipe.name} could not be built: {error}") from error
        return store.add(recipe.name, key, digest, draft)


@contextmanager
def _builder(
    settings: Settings, progress: Progress, backend: Backend, refresh: bool
) -> Iterator[tuple[ImageBuilder, str]]:
    if backend == "kind":
        yield Docker(), docker_build.BASE
        return
    packages.ensure(
        _missing_packages(settings),
        progress,
    )
    log = settings.logs / "image-base.log"
    log.unlink(missing_ok=True)
    base = make_base(settings.cache, log, progress, refresh)
    with buildah_session(settings.cache, base, log) as builder:
        yield builder, base.digest
        builder.trim(log)


def _known_base(settings: Settings, backend: Backend) -> str | None:
    if backend == "kind":
        return docker_build.BASE
    base = cached_base(settings.cache)
    return None if base is None else base.digest


def _cached(
    recipes: Sequence[ImageRecipe], settings: Settings, base: str | None
) -> dict[str, BuiltImage]:
    if base is None:
        return {}
    store = ImageStore(settings.cache / "images")
    images = [
        store.find(recipe.name, image_key(recipe, settings.clone, base)) for recipe in recipes
    ]
    return {image.name: image for image in images if image is not None}


def _refuse_full_disk(cache: Path) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(cache).free
    if free < FREE_BYTES_NEEDED:
        raise LocalError(
            f"Building the images needs {FREE_BYTES_NEEDED / GIB:.0f} GiB of free disk at {cache}, "
            f"and {free / GIB:.1f} GiB are free: make room, or set XDG_CACHE_HOME."
        )


def _record(path: Path, images: Mapping[str, BuiltImage]) -> None:
    facts = {
        name: {"reference": image.reference, "digest": image.digest}
        for name, image in sorted(images.items())
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(facts, indent=2) + "\n")
    draft.replace(path)


def _missing_packages(settings: Settings) -> list[str]:
    names = [need.package for need in NEEDS if find(need.program, settings.command_path) is None]
    return names if ARCHIVE_KEYS.is_file() else [*names, "debian-archive-keyring"]
