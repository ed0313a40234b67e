"""The submodules of a commit: where each lies, its pinned commit, and where that is fetched. Pure.

What ``.gitmodules`` says is a stranger's word: a path has to be one of the tree's own, and a URL
one of git's network transports.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from qmk_contract.artifacts import COMMIT_PATTERN
from qmk_contract.channels import URL_PATTERN
from qmk_tasks.errors import TaskError

SUBMODULES_MAX = 64
_PATH = r"[A-Za-z0-9_+.-]{1,128}(?:/[A-Za-z0-9_+.-]{1,128}){0,15}"
_SHOWN = 200
_PORTS = {"https": 443, "http": 80, "ssh": 22, "git": 9418}


@dataclass(frozen=True)
class Submodule:
    """A folder of the tree that is another repository at a commit."""

    path: str
    commit: str
    url: str


def pinned(
    links: Mapping[str, str], configuration: bytes, parent_url: str, transports: Sequence[str]
) -> tuple[Submodule, ...]:
    """Submodules by the tree's links (commit by path) and its ``.gitmodules``.

    ``configuration`` is that file as ``git config --list -z`` prints it. Entries for which the
    tree has no link are left out, as git leaves them.

    Raises:
        TaskError: a link has no entry, or path, commit or URL are not fit.
    """
    if len(links) > SUBMODULES_MAX:
        raise TaskError(f"the tree has more than {SUBMODULES_MAX} submodules")
    entries = _entries(configuration)
    urls = {entry.get("path"): entry.get("url") for entry in entries.values()}
    found = []
    for path, commit in sorted(links.items()):
        unfit = {"", ".", "..", ".git"} & {part.lower() for part in path.split("/")}
        if not re.fullmatch(_PATH, path) or unfit:
            raise TaskError(f"the path of a submodule is not fit: {path[:_SHOWN]!r}")
        url = urls.get(path)
        if url is None or not re.fullmatch(COMMIT_PATTERN, commit):
            raise TaskError(f"submodule {path} has no URL in .gitmodules")
        found.append(Submodule(path, commit, resolve(url, parent_url, path, transports)))
    return tuple(found)


def resolve(url: str, parent_url: str, path: str, transports: Sequence[str]) -> str:
    """A submodule's URL, with ``./`` and ``../`` taken from where its parent came from.

    Raises:
        TaskError: it has another transport, a password, or characters that no URL needs.
    """
    if url.startswith(("./", "../")):
        base = parent_url.rstrip("/")
        while match := re.match(r"\.{1,2}/", url):
            url = url[match.end() :]
            if match[0] == "../":
                base = base.rpartition("/")[0]
        url = f"{base}/{url}"
    return checked(url, f"the URL of submodule {path}", transports)


def same_host(url: str, other: str) -> bool:
    """Whether two URLs have the same scheme, host and port."""
    return _host(url) == _host(other)


def checked(url: str, what: str, transports: Sequence[str]) -> str:
    """A URL that git may be given.

    Raises:
        TaskError: it may not; the text begins with ``what``, and holds no password.
    """
    if not re.fullmatch(URL_PATTERN, url) or ".." in url:
        raise TaskError(f"{what} is not fit")
    parts = urlsplit(url)
    if parts.scheme not in transports:
        raise TaskError(f"{what} is not of {', '.join(transports)}")
    if parts.scheme != "file" and not parts.netloc.rpartition("@")[2]:
        raise TaskError(f"{what} names no host")
    if ":" in parts.netloc.rpartition("@")[0]:
        raise TaskError(f"{what} has a password in it; that belongs in the file of QMK_GIT_CONFIG")
    return url


def _host(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    authority = parts.netloc.rpartition("@")[2].lower()
    return parts.scheme, authority.removesuffix(f":{_PORTS.get(parts.scheme)}")


def _entries(configuration: bytes) -> dict[str, dict[str, str]]:
    entries: dict[str, dict[str, str]] = {}
    for item in configuration.decode("utf-8", "replace").split("\0"):
        key, _, value = item.partition("\n")
        section, _, rest = key.partition(".")
        name, _, variable = rest.rpartition(".")
        if section == "submodule" and variable in ("path", "url"):
            entries.setdefault(name, {})[variable] = value
    return entries
