"""The keyboard site of a commit: every file that ``qmk generate-api`` wrote, with its digest."""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from qmk_contract.artifacts import JSON, TEXT

SCHEMA = 1
MARKDOWN = "text/markdown; charset=utf-8"
#: Enough to see what is wrong with a keyboard; a tree may say the same of each of its keys.
FAULTS_MAX = 8
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

    ``faults`` is what the tree itself finds wrong with its keyboards, by keyboard.
    """

    commit: str
    files: Mapping[str, SiteFile]
    faults: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    schema: int = SCHEMA


def content_type(path: str) -> str:
    """What a file of the site is stored and served as: by its suffix, else plain text."""
    return _CONTENT_TYPES.get(PurePosixPath(path).suffix, TEXT)


def bounded_faults(
    faults: Mapping[str, Sequence[str]], files: Container[str]
) -> dict[str, tuple[str, ...]]:
    """What an index holds of the faults found: of the site's own keyboards, and of each a few."""
    return {
        keyboard: tuple(_bounded(text) for text in found[:FAULTS_MAX])
        for keyboard, found in faults.items()
        if f"v1/keyboards/{keyboard}/info.json" in files
    }


def _bounded(text: str) -> str:
    # A tree's JSON can escape half a character, which no reply in UTF-8 could carry.
    text = text.encode("utf-8", "replace").decode()
    if len(text) <= FAULT_CHARACTERS_MAX:
        return text
    return text[: FAULT_CHARACTERS_MAX - 1] + "…"
