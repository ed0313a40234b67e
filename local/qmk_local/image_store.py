"""Images of earlier builds, one archive a key, in the user's cache folder."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

KEPT_ARCHIVES = 3
DRAFT_PREFIX = "new-"


@dataclass(frozen=True)
class BuiltImage:
    """An image ready to be loaded into a cluster.

    `reference` is `localhost/<name>:<first 12 hex digits of the digest>`; `digest` is
    `sha256:<64 hex digits>` of the manifest (from Docker, of the image's configuration).
    """

    name: str
    reference: str
    digest: str
    archive: Path


def image_reference(name: str, digest: str) -> str:
    """The name under which an image of that digest is loaded."""
    return f"localhost/{name}:{digest.removeprefix('sha256:')[:12]}"


@dataclass(frozen=True)
class ImageStore:
    """A folder with `<name>-<key>.tar` and, written after it, `<name>-<key>.json`."""

    folder: Path

    def remove_drafts(self) -> None:
        """Remove what builds that were killed left."""
        for folder in self.folder.glob(f"{DRAFT_PREFIX}*"):
            shutil.rmtree(folder, ignore_errors=True)

    def archive(self, name: str, key: str) -> Path:
        """Where the archive of that key belongs."""
        return self.folder / f"{name}-{key}.tar"

    def find(self, name: str, key: str) -> BuiltImage | None:
        """The image of that key if it is there and whole; marks it as used now."""
        archive = self.archive(name, key)
        record = archive.with_suffix(".json")
        try:
            facts = json.loads(record.read_text())
            digest, size = str(facts["digest"]), int(facts["size"])
            if archive.stat().st_size != size:
                return None
            os.utime(record)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return BuiltImage(name, image_reference(name, digest), digest, archive)

    def add(self, name: str, key: str, digest: str, draft: Path) -> BuiltImage:
        """Take over a finished archive, and drop the least used beyond three of that name."""
        self.folder.mkdir(parents=True, exist_ok=True)
        archive = self.archive(name, key)
        record = archive.with_suffix(".json")
        record.unlink(missing_ok=True)
        shutil.move(draft, archive)
        partial = record.with_suffix(".new")
        partial.write_text(json.dumps({"digest": digest, "size": archive.stat().st_size}) + "\n")
        partial.replace(record)
        self._prune(name)
        return BuiltImage(name, image_reference(name, digest), digest, archive)

    def _prune(self, name: str) -> None:
        records = sorted(
            self.folder.glob(f"{name}-*.json"), key=lambda path: path.stat().st_mtime, reverse=True
        )
        kept = {record.with_suffix(".tar") for record in records[:KEPT_ARCHIVES]}
        for record in records[KEPT_ARCHIVES:]:
            record.unlink(missing_ok=True)
        for archive in self.folder.glob(f"{name}-*.tar"):
            if archive not in kept:
                archive.unlink(missing_ok=True)
