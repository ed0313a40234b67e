"""A commit's tree with its pinned submodules, from git hosts, as plain files in a folder."""

import re
import shutil
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from qmk_tasks.checkout import submodules
from qmk_tasks.checkout.git import TRANSPORTS, Git, TooSlow
from qmk_tasks.checkout.submodules import Submodule
from qmk_tasks.errors import TaskError

#: QMK's own tree has 24,000 files, and ChibiOS as many.
FILES_MAX = 500_000
_LOCAL_SECONDS = 300.0
_AT_ONCE = 4
_ALL_REFS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
_LINK = "160000"
#: What Python makes of bytes that are none, as zip archives and documents could not name them.
_NOT_UTF8 = re.compile("[\ud800-\udfff]")
_SHOWN = 200


@dataclass(frozen=True)
class Source:
    """A commit, where it is fetched, and the full name of the ref that leads to it, if known."""

    url: str
    commit: str
    ref: str = ""


@dataclass(frozen=True)
class Listing:
    """What a commit's tree holds: files, their bytes, commits of submodules by path."""

    files: int
    size: int
    links: dict[str, str]
    has_modules: bool


def check_url(channel: str, url: str) -> tuple[str, ...]:
    """The transports that a channel's tree and its submodules may use, by the channel's URL.

    Raises:
        TaskError: the URL is not fit.
    """
    transports = ("file", *TRANSPORTS) if url.startswith("file:") else TRANSPORTS
    submodules.checked(url, f"the URL of channel {channel}", transports)
    return transports


def checkout(source: Source, tree: Path, scratch: Path, git: Git) -> None:
    """Write the files of a commit, and those of its submodules, to the folder ``tree``.

    What was fetched into ``scratch`` by a run before is not fetched again; it is gone in the end.

    Raises:
        TaskError: something cannot be fetched, or is larger than it may be.
    """
    deadline = time.monotonic() + git.settings.seconds
    shutil.rmtree(tree, ignore_errors=True)
    scratch.mkdir(parents=True, exist_ok=True)
    main = git.of(scratch / "tree.git")
    _fetch(main, source, "the tree", deadline)
    listing = _listing(main, source.commit)
    pinned = _pinned(main, source, listing)
    parts = {
        one: (git if submodules.same_host(one.url, source.url) else git.elsewhere()).of(
            scratch / f"{number}.git"
        )
        for number, one in enumerate(pinned)
    }

    def fetch(one: Submodule) -> Listing:
        _fetch(parts[one], Source(one.url, one.commit), f"submodule {one.path}", deadline)
        return _listing(parts[one], one.commit)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        listings = [listing, *pool.map(fetch, pinned)]
    _check_size(listings, git.settings.bytes_max)
    _write(main, source.commit, tree)
    for one, repository in parts.items():
        _write(repository, one.commit, tree / one.path)
    shutil.rmtree(scratch)


def _fetch(git: Git, source: Source, what: str, deadline: float) -> None:
    """One commit without its history; with it, from a server that gives no single commits."""
    form = "sha256" if len(source.commit) == 64 else "sha1"
    git.run("init", "--quiet", "--bare", f"--object-format={form}", seconds=_LOCAL_SECONDS)
    if _has(git, source.commit):
        return
    _say(f"Fetching {what} at {source.commit[:12]}.")
    try:
        _fetch_commit(git, source, deadline)
    except TooSlow as error:
        limit = f"a tree and its submodules may take {git.settings.seconds} s"
        raise TaskError(f"{what} cannot be fetched at {source.commit}: {error}; {limit}") from error
    except TaskError as error:
        raise TaskError(f"{what} cannot be fetched at {source.commit}: {error}") from error
    if not _has(git, source.commit):
        raise TaskError(f"{what}: its repository has no commit {source.commit}")


def _fetch_commit(git: Git, source: Source, deadline: float) -> None:
    words = ("fetch", "--quiet", "--no-tags", "--no-write-fetch-head")
    shallow = ("--depth=1", "--", source.url, source.commit)
    wanted = (f"+{source.ref}:refs/fetched",) if source.ref else _ALL_REFS
    try:
        git.run(*words, *shallow, seconds=_left(deadline))
    except TooSlow:
        raise
    except TaskError as refusal:
        try:
            git.run(*words, "--", source.url, *wanted, seconds=_left(deadline))
        except TaskError as error:
            if str(error) == str(refusal):
                raise
            raise type(error)(f"{error}; and without its history, {refusal}") from error


def _has(git: Git, commit: str) -> bool:
    try:
        return git.run("cat-file", "-t", commit, seconds=_LOCAL_SECONDS).strip() == b"commit"
    except TaskError:
        return False


def _listing(git: Git, commit: str) -> Listing:
    written = git.run("ls-tree", "-r", "-l", "-z", commit, seconds=_LOCAL_SECONDS)
    files, size, links, has_modules = 0, 0, dict[str, str](), False
    for entry in written.decode("utf-8", "surrogateescape").split("\0")[:-1]:
        description, _, path = entry.partition("\t")
        mode, _, name, length = description.split()
        if _NOT_UTF8.search(path):
            raise TaskError(f"the name of a file is not UTF-8: {path[:_SHOWN]!a}")
        if mode == _LINK:
            links[path] = name
        else:
            files, size = files + 1, size + int(length)
            has_modules = has_modules or path == ".gitmodules"
    return Listing(files, size, links, has_modules)


def _pinned(git: Git, source: Source, listing: Listing) -> tuple[Submodule, ...]:
    configuration = b""
    if listing.links and listing.has_modules:
        blob = f"{source.commit}:.gitmodules"
        words = ("config", "--blob", blob, "--list", "-z")
        configuration = git.run(*words, seconds=_LOCAL_SECONDS)
    return submodules.pinned(listing.links, configuration, source.url, git.transports)


def _check_size(listings: Sequence[Listing], bytes_max: int) -> None:
    files, size = sum(one.files for one in listings), sum(one.size for one in listings)
    if files > FILES_MAX or size > bytes_max:
        raise TaskError(
            f"the tree is too large: {files} files of {size} bytes, "
            f"at most {FILES_MAX} of {bytes_max} are taken"
        )


def _write(git: Git, commit: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    git = Git(git.settings, git.transports, git.repository, folder)
    git.run("read-tree", commit, seconds=_LOCAL_SECONDS)
    git.run("checkout-index", "--all", "--force", "--quiet", seconds=_LOCAL_SECONDS)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TooSlow("no time is left")
    return left


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()
