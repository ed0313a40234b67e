"""The Debian base image where there is no registry: made by mmdebstrap, kept in the user's cache.

It equals Docker's `debian:bookworm-slim` in what matters: required packages only, merged /usr,
no documentation, manual pages or translations, neither now nor in later installations.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from qmk_local.logged_command import run_logged
from qmk_local.progress import Progress

SUITE = "bookworm"
REFERENCE = "docker.io/library/debian:bookworm-slim"
TIMEOUT_SECONDS = 900.0
# The hooks make apt choose the small package usr-is-merged before usrmerge, which brings Perl.
MMDEBSTRAP = (
    "mmdebstrap",
    "--mode=auto",
    "--variant=minbase",
    "--hook-dir=/usr/share/mmdebstrap/hooks/maybe-merged-usr",
    '--aptopt=APT::Install-Recommends "false"',
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    "--dpkgopt=path-exclude=/usr/share/info/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
    SUITE,
)
DOCKERFILE = 'FROM scratch\nADD base.tar /\nCMD ["bash"]\n'


@dataclass(frozen=True)
class DebianBase:
    """A root file system: `digest` is the SHA-256 of the archive, as hex digits."""

    archive: Path
    digest: str


def make_base(cache: Path, log: Path, progress: Progress, refresh: bool) -> DebianBase:
    """The base that is in the cache, or a new one. Raises `CommandFailed`.

    It is kept until the command that makes it changes, or until `refresh` asks for one with
    Debian's packages of today: an unchanged clone then never needs the network.
    """
    known = cached_base(cache)
    if known is not None and not refresh:
        return known
    with progress.step(f"Debian {SUITE} base image") as step:
        return _make(_archive(cache), log, step.update)


def cached_base(cache: Path) -> DebianBase | None:
    """The base that was made earlier, if it is whole."""
    archive = _archive(cache)
    try:
        facts = json.loads(archive.with_suffix(".json").read_text())
        if archive.stat().st_size != facts["size"]:
            return None
        return DebianBase(archive, str(facts["digest"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _archive(cache: Path) -> Path:
    command = hashlib.sha256("\0".join(MMDEBSTRAP).encode()).hexdigest()[:12]
    return cache / "debian" / f"{SUITE}-{command}.tar"


def _make(archive: Path, log: Path, follow: Callable[[str], None]) -> DebianBase:
    archive.parent.mkdir(parents=True, exist_ok=True)
    record = archive.with_suffix(".json")
    record.unlink(missing_ok=True)
    for old in archive.parent.glob(f"{SUITE}-*"):
        if old != archive:
            old.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent, prefix="new-") as folder:
        draft = Path(folder) / archive.name
        # The same packages then give the same bytes, and so the same image keys.
        run_logged([*MMDEBSTRAP, draft], log, TIMEOUT_SECONDS, follow, {"SOURCE_DATE_EPOCH": "0"})
        draft.replace(archive)
    with archive.open("rb") as content:
        base = DebianBase(archive, hashlib.file_digest(content, "sha256").hexdigest())
    facts = {"digest": base.digest, "size": archive.stat().st_size}
    record.write_text(json.dumps(facts) + "\n")
    return base


def stage_base(base: DebianBase, folder: Path) -> None:
    """Lay a build context for the base image into an empty folder."""
    (folder / "Dockerfile").write_text(DOCKERFILE)
    target = folder / "base.tar"
    try:
        os.link(base.archive, target)
    except OSError:  # another file system
        shutil.copyfile(base.archive, target)
