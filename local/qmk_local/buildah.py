"""Image builds by buildah, in a storage of our own: no engine, no registry, no user's images."""

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from qmk_local import mounts
from qmk_local.commands import CommandFailed
from qmk_local.debian_base import REFERENCE, DebianBase, stage_base
from qmk_local.image_recipes import ImageRecipe
from qmk_local.image_store import image_reference
from qmk_local.logged_command import run_logged
from qmk_local.oci_archive import pack_layout

BUILD_TIMEOUT_SECONDS = 1800.0
PUSH_TIMEOUT_SECONDS = 600.0
CLEAN_TIMEOUT_SECONDS = 120.0
STORAGE_LIMIT_BYTES = 8 * 1024**3  # about four times what the five images and their stages take
OVERLAY_REFUSES = frozenset({"overlay", "overlayfs"})


@dataclass(frozen=True)
class Buildah:
    """One session; made by `buildah_session`."""

    root: Path
    run_root: Path
    base: DebianBase
    driver: str

    def build(
        self,
        recipe: ImageRecipe,
        context: Path,
        log: Path,
        follow: Callable[[str], None],
        fresh: bool,
    ) -> None:
        """Build `localhost/<name>:latest`; layers whose inputs are unchanged are reused.

        Raises `CommandFailed`.
        """
        self._ensure_base(log)
        # Times of files at zero: the same contents give the same digest on every machine.
        self._run(
            log,
            BUILD_TIMEOUT_SECONDS,
            ["bud", "--isolation=chroot", "--pull-never", "--layers", "--timestamp=0"]
            + (["--no-cache"] if fresh else [])
            + [f"--build-arg={key}={value}" for key, value in recipe.arguments.items()]
            + [
                f"--tag=localhost/{recipe.name}:latest",
                f"--file={context / recipe.dockerfile}",
                str(context),
            ],
            follow,
        )

    def save(self, name: str, archive: Path, log: Path) -> str:
        """Write the image as an OCI archive and return its digest. Raises `CommandFailed`."""
        with tempfile.TemporaryDirectory(dir=archive.parent, prefix="layout-") as folder:
            # zstd: a sixth smaller than gzip, written and unpacked several times as fast.
            self._run(
                log,
                PUSH_TIMEOUT_SECONDS,
                [
                    "push",
                    "--compression-format=zstd",
                    "--compression-level=1",
                    f"localhost/{name}:latest",
                    f"oci:{folder}/image:latest",
                ],
            )
            return pack_layout(
                Path(folder) / "image", archive, lambda digest: image_reference(name, digest)
            )

    def trim(self, log: Path) -> None:
        """Drop layers that no current image uses once the storage has grown past its limit."""
        if stored_bytes(self.root) > STORAGE_LIMIT_BYTES:
            self._run(log, CLEAN_TIMEOUT_SECONDS, ["rmi", "--prune", "--force"])

    def remove_leftovers(self, log: Path) -> None:
        """Remove what builds that were killed left; a storage beyond repair is made anew."""
        self.release()
        if not self.root.exists():
            return
        try:
            self._run(log, CLEAN_TIMEOUT_SECONDS, ["rm", "--all"])
        except CommandFailed:
            self.release()
            shutil.rmtree(self.root)

    def release(self) -> None:
        """Unmount everything; the next session starts as after a boot."""
        mounts.unmount_all([self.root, self.run_root])
        shutil.rmtree(self.run_root, ignore_errors=True)

    def _ensure_base(self, log: Path) -> None:
        marker = self.root / "base.digest"
        if marker.is_file() and marker.read_text() == self.base.digest:
            return
        with tempfile.TemporaryDirectory(dir=self.base.archive.parent, prefix="base-") as folder:
            stage_base(self.base, Path(folder))
            self._run(
                log,
                BUILD_TIMEOUT_SECONDS,
                ["bud", "--layers", "--timestamp=0", f"--tag={REFERENCE}", folder],
            )
        marker.write_text(self.base.digest)

    def _run(
        self,
        log: Path,
        timeout_s: float,
        words: list[str],
        follow: Callable[[str], None] = lambda line: None,
    ) -> None:
        storage = [f"--root={self.root}", f"--runroot={self.run_root}"]
        run_logged(
            ["buildah", *storage, f"--storage-driver={self.driver}", *words], log, timeout_s, follow
        )


@contextmanager
def buildah_session(cache: Path, base: DebianBase, log: Path) -> Iterator[Buildah]:
    """Buildah with its storage below the cache folder; nothing stays mounted afterwards."""
    root, run_root = cache / "buildah", cache / "buildah-run"
    driver = storage_driver(cache, Path("/proc/self/mounts").read_text())
    session = Buildah(root, run_root, base, driver)
    session.remove_leftovers(log)
    try:
        yield session
    finally:
        session.release()


def storage_driver(folder: Path, mount_table: str) -> str:
    """`overlay`, or `vfs` (slower, larger) where the folder itself lies on an overlay.

    `mount_table` is the text of `/proc/self/mounts`.
    """
    kind, longest = "", -1
    for line in mount_table.splitlines():
        _, point, found, *_ = line.split()
        inside = folder == Path(point) or Path(point) in folder.parents
        if inside and len(point) >= longest:
            kind, longest = found, len(point)
    return "vfs" if kind in OVERLAY_REFUSES else "overlay"


def stored_bytes(root: Path) -> int:
    """The size of all layers, unpacked, as containers/storage has recorded it."""
    total = 0
    for index in root.glob("*-layers/layers.json"):
        layers = json.loads(index.read_text())
        total += sum(int(layer.get("diff-size", 0)) for layer in layers or ())
    return total
