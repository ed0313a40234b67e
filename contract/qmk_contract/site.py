"""The keyboard site of a commit: every file that ``qmk generate-api`` wrote, with its digest."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import PurePosixPath

from qmk_contract.artifacts import CODINGS, JSON, TEXT, is_site_path
from qmk_contract.codec import from_body
from qmk_contract.documents import read_document

SCHEMA = 1
MARKDOWN = "text/markdown; charset=utf-8"
#: QMK's own tree has 7,512 files, an index of 1.1 MB, and as its largest file 27.6 MB of
#: `keyboards.json`.
FILES_MAX = 50_000
INDEX_BYTES_MAX = 16 << 20
FILE_BYTES_MAX = 64 << 20
#: What a server holds to send a file: a copy, or the file where there is no gzip copy to unpack.
#: The copies of `keyboards.json` are 1.7 and 0.7 MB.
COPY_BYTES_MAX = 16 << 20
#: Enough to see what is wrong with a keyboard; a tree may say the same of each of its keys.
FAULTS_MAX = 8
#: More than QMK's own tree has keyboards, and within the index's size.
FAULTY_MAX = 5_000
FAULT_CHARACTERS_MAX = 300

_CONTENT_TYPES = {".json": JSON, ".jsonschema": JSON, ".md": MARKDOWN}


@dataclass(frozen=True)
class SiteFile:
    """Size in bytes and SHA-256 in hexadecimal; ``encoded`` is the size by stored content coding.

    Small files have no encoded copies: whoever serves them compresses them once.
    """

    size: int
    sha256: str
    encoded: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class SiteIndex:
    """All files by path relative to the site's root, such as ``v1/keyboard_list.json``.

    ``faults`` is what the tree itself finds wrong with its keyboards, by keyboard: also of those
    that are not in the site, since nothing could be read of them.
    """

    commit: str
    files: Mapping[str, SiteFile]
    faults: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    schema: int = SCHEMA


def content_type(path: str) -> str:
    """What a file of the site is stored and served as: by its suffix, else plain text."""
    return _CONTENT_TYPES.get(PurePosixPath(path).suffix, TEXT)


def read_index(content: bytes, commit: str) -> tuple[SiteIndex, Mapping[str, str]]:
    """The index of a commit's site, and what it lists beside the site's files: why, by path.

    The tree's own code may have written it. What the site cannot have is not in the index that is
    returned, nor are faults beyond their bounds.

    Raises:
        ValueError: it cannot be read, is of another commit, or lists too much.
    """
    index = from_body(SiteIndex, read_document(content, INDEX_BYTES_MAX))
    if index.commit != commit:
        raise ValueError("it is not of this commit")
    if len(index.files) > FILES_MAX:
        raise ValueError(f"it lists more than {FILES_MAX} files")
    files, left_out = {}, {}
    for path, file in index.files.items():
        if why := _unfit(path, file):
            left_out[path] = why
        else:
            known = {coding: file.encoded[coding] for coding in CODINGS if coding in file.encoded}
            files[path] = replace(file, encoded=known)
    return replace(index, files=files, faults=bounded_faults(index.faults)), left_out


def _unfit(path: str, file: SiteFile) -> str | None:
    """Why the site cannot have a file; None if it can."""
    if not is_site_path(path):
        return "not a path of the keyboard site"
    if not 0 <= file.size <= FILE_BYTES_MAX:
        return f"not within {FILE_BYTES_MAX} bytes"
    held = [*file.encoded.values(), *(() if "gzip" in file.encoded else (file.size,))]
    if not all(0 <= size <= COPY_BYTES_MAX for size in held):
        return f"no copy within {COPY_BYTES_MAX} bytes"
    if not re.fullmatch("[0-9a-f]{64}", file.sha256):
        return "without a digest"
    return None


def bounded_faults(faults: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """What an index holds of the faults found: of so many keyboards, and of each a few."""
    named = (keyboard for keyboard in faults if is_site_path(f"v1/keyboards/{keyboard}/info.json"))
    return {
        keyboard: tuple(_bounded(text) for text in faults[keyboard][:FAULTS_MAX])
        for keyboard in islice(named, FAULTY_MAX)
    }


def _bounded(text: str) -> str:
    # A tree's JSON can escape half a character, which no reply in UTF-8 could carry.
    text = text.encode("utf-8", "replace").decode()
    if len(text) <= FAULT_CHARACTERS_MAX:
        return text
    return text[: FAULT_CHARACTERS_MAX - 1] + "…"
