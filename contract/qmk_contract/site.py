"""The keyboard site of a commit: every file that ``qmk generate-api`` wrote, with its digest."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from qmk_contract.artifacts import JSON, TEXT

SCHEMA = 1
MARKDOWN = "text/markdown; charset=utf-8"

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
