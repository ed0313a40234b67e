"""Firmware to publish: a folder, or a git repository that is cloned into the cache first."""

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qmk_contract.firmware_tree import of_the_tree
from qmk_local.commands import CommandFailed, run
from qmk_local.errors import LocalError
from qmk_local.logged_command import run_logged
from qmk_local.progress import Step
from qmk_local.settings import Settings, process_environment

_URL = re.compile(r"(?:https?|ssh|git|file)://[^\s-]\S*|[\w.-]+@[\w.-]+:[^\s-]\S*")
_CLONE_TIMEOUT_SECONDS = 3600.0
_GIT_TIMEOUT_SECONDS = 300.0
#: Never ask: nobody may be there to answer.
_GIT_ENVIRONMENT = {"GIT_TERMINAL_PROMPT": "0"}


@dataclass(frozen=True)
class FirmwareSource:
    """A tree and its identity: 40 digits of a git commit, or 64 of a digest of its files."""

    folder: Path
    commit: str
    files: tuple[str, ...]


def open_source(source: str, settings: Settings, step: Step) -> FirmwareSource:
    """Find or fetch the tree that a person named by folder or git URL.

    Raises:
        LocalError: there is no firmware tree.
    """
    folder = _clone(source, settings, step) if _URL.fullmatch(source) else Path(source)
    folder = folder.expanduser().resolve()
    if not (folder / "keyboards").is_dir() or not (folder / "lib/python/qmk").is_dir():
        raise LocalError(
            f"{source} is no QMK firmware tree: it needs the folders keyboards and lib/python/qmk. "
            "Name a folder or a git URL."
        )
    step.update("reading the tree")
    return _of_git(folder) or _of_files(folder)


def _of_git(folder: Path) -> FirmwareSource | None:
    """The commit of a checkout that is just that commit, submodules included; else None."""
    try:
        if Path(_git(folder, "rev-parse", "--show-toplevel").strip()).resolve() != folder:
            return None
        changed = _git(folder, "status", "--porcelain", "--ignore-submodules=none")
        # A submodule that is not checked out ("-") or at another commit ("+").
        modules = _git(folder, "submodule", "status", "--recursive")
        if changed or any(line[:1] != " " for line in modules.splitlines()):
            return None
        commit = _git(folder, "rev-parse", "HEAD").strip()
        listed = _git(folder, "ls-files", "-z", "--recurse-submodules").split("\0")
    except CommandFailed:
        return None
    return FirmwareSource(folder, commit, tuple(sorted(filter(None, listed))))


def _of_files(folder: Path) -> FirmwareSource:
    """Any other folder is known by the paths, modes and contents of its files."""
    digest = hashlib.sha256()
    files = sorted(path for path in _walk(folder) if of_the_tree(path))
    for path in files:
        mode = (folder / path).lstat().st_mode
        if stat.S_ISLNK(mode):
            kind, content = "120000", os.fsencode((folder / path).readlink())
        else:
            kind = "100755" if mode & 0o111 else "100644"
            content = (folder / path).read_bytes()
        content_digest = hashlib.sha256(content).hexdigest()
        digest.update(f"{kind} {content_digest} {path}\0".encode("utf-8", "surrogateescape"))
    return FirmwareSource(folder, digest.hexdigest(), tuple(files))


def _walk(folder: Path) -> Iterator[str]:
    for here, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name != ".git"]
        for name in (*names, *folders):
            path = Path(here) / name
            mode = path.lstat().st_mode
            if stat.S_ISREG(mode) or stat.S_ISLNK(mode):
                yield path.relative_to(folder).as_posix()


def _clone(url: str, settings: Settings, step: Step) -> Path:
    """The newest commit of a repository's main branch, with its pinned submodules."""
    name = hashlib.sha256(url.encode()).hexdigest()[:16]
    folder = settings.cache / "firmware" / name
    log = settings.logs / "firmware-clone.log"
    fresh = folder.with_name(f"{name}.new")

    def git(*words: str) -> None:
        argv = ("git", "-C", str(folder.parent), *words)
        run_logged(argv, log, _CLONE_TIMEOUT_SECONDS, step.update, _GIT_ENVIRONMENT)

    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        if not folder.is_dir():
            step.update(f"cloning {url}")
            run(["rm", "-rf", fresh], timeout_s=_GIT_TIMEOUT_SECONDS)
            git("clone", "--progress", "--depth=1", "--", url, str(fresh))
            fresh.rename(folder)
        else:
            git("-C", str(folder), "fetch", "--progress", "--depth=1", "origin", "HEAD")
            git("-C", str(folder), "reset", "--hard", "FETCH_HEAD")
            git("-C", str(folder), "submodule", "sync", "--recursive")
        submodules = ("-C", str(folder), "submodule", "update", "--init", "--recursive", "--force")
        try:
            git(*submodules, "--progress", "--depth=1", "--jobs=4")
        except CommandFailed:
            # A server need not give out a commit that no branch points at by itself.
            git(*submodules, "--progress")
    except CommandFailed as error:
        raise LocalError(
            f"{url} could not be fetched: {error} The log is {log}. A folder works, too: "
            "FIRMWARE=<folder>."
        ) from error
    return folder


def _git(folder: Path, *words: str) -> str:
    environment = process_environment(_GIT_ENVIRONMENT)
    return run(["git", "-C", folder, *words], timeout_s=_GIT_TIMEOUT_SECONDS, env=environment)
