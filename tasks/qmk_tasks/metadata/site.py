"""The keyboard site of a tree as files named like their objects: compressed copies, and the index.

All of it is made where the tree's own code ran, and is no more than that tree's word about its
own keyboards. Whoever stores it compares it with the index; what the service decides by, it reads
from the files as they are, never from a copy.
"""

import gzip
import hashlib
import json
import os
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from qmk_contract import artifacts
from qmk_contract.codec import to_body
from qmk_contract.site import FILE_BYTES_MAX, SiteFile, SiteIndex, bounded_faults
from qmk_tasks.layers import archive
from qmk_tasks.metadata.metadata import NEEDED

#: A file of this size takes a server a millisecond or two to compress, once, before it caches it;
#: nine in ten files are far smaller. Those above it are read by browsers all the time.
LARGE_BYTES = 64 * 1024
#: Made once a commit, sent for as long as it lasts.
_GZIP_LEVEL = 9
#: Its window is within the 8 MiB that every client must take (RFC 9659). 19 makes a third less of
#: keyboards.json, and takes fifteen times as long: nine seconds of each refresh.
_ZSTD_LEVEL = 12
_WORKERS = 2


def root(objects: Path, commit: str) -> Path:
    """Where the site's files lie below the folder of objects."""
    return (objects / artifacts.keyboard_list(commit)).parents[1]


def index(
    objects: Path,
    commit: str,
    faults: Mapping[str, Sequence[str]],
    *,
    kept: Mapping[str, SiteFile] | None = None,
    previous: SiteIndex | None = None,
) -> SiteIndex:
    """Make the copies of the site's large files, and write down all files.

    The same files give the same bytes. What the site cannot have is left out, and said. Of a
    previous site, ``kept`` are listed as they are; so are files that were written again and are
    the same, and these are removed: whoever stores the site has them already.

    Raises:
        TaskError: zstd failed.
    """
    paths = list(_paths(root(objects, commit)))
    there = previous.files if previous is not None else {}
    with ThreadPoolExecutor(_WORKERS) as pool:
        described = pool.map(partial(_describe, objects, commit, there), paths)
        found = {**(kept or {}), **dict(zip(paths, described, strict=True))}
    files = {path: found[path] for path in sorted(found)}
    site = SiteIndex(commit, files, bounded_faults(faults))
    text = json.dumps(to_body(site), separators=(",", ":"))
    (objects / artifacts.site_index(commit)).write_text(text)
    return site


def _paths(folder: Path) -> Iterator[str]:
    for path in sorted(archive.files(folder), key=os.fsencode):
        found = (folder / path).lstat()
        if not artifacts.is_site_path(path):
            _say(f"Left out: {path!r}, not a path of the keyboard site.")
        elif not stat.S_ISREG(found.st_mode):
            _say(f"Left out: {path}, which is a link.")
        elif found.st_size > FILE_BYTES_MAX:
            _say(f"Left out: {path}, not within {FILE_BYTES_MAX} bytes.")
        else:
            yield path


def _describe(objects: Path, commit: str, there: Mapping[str, SiteFile], path: str) -> SiteFile:
    source = objects / artifacts.site_file(commit, path)
    data = source.read_bytes()
    digest, sizes = hashlib.sha256(data).hexdigest(), dict[str, int]()
    same = there.get(path)
    if same is not None and (same.size, same.sha256) == (len(data), digest) and path not in NEEDED:
        source.unlink()
        return same
    if len(data) > LARGE_BYTES:
        for coding in artifacts.CODINGS:
            copy = objects / artifacts.site_file(commit, path, coding)
            copy.parent.mkdir(parents=True, exist_ok=True)
            if coding == "gzip":
                copy.write_bytes(gzip.compress(data, _GZIP_LEVEL, mtime=0))
            else:
                archive.compress_copy(source, copy, level=_ZSTD_LEVEL)
            if (size := copy.stat().st_size) < len(data):
                sizes[coding] = size
            else:
                copy.unlink()
    return SiteFile(len(data), digest, sizes)


def _say(sentence: str) -> None:
    sys.stdout.write(sentence + "\n")
    sys.stdout.flush()
