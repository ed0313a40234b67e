"""What belongs to a firmware tree, and what tools and builds leave lying in it."""

import fnmatch
import re

#: Wherever they lie: version control, build folders, caches.
_FOLDERS = frozenset({".git", ".build", "__pycache__", ".venv"})
_FILES = ("*.pyc", ".DS_Store")
#: Where the tree's own build puts what it made: in the root.
_BUILT_FILES = ("*.hex", "*.bin", "*.uf2", "*.eep", "*.elf", "*.zip")

#: What ``qmk`` needs of a tree to turn a keymap into C, and firmware into UF2.
_GENERATOR = re.compile(
    r"requirements(?:-dev)?\.txt"
    r"|lib/python/(?!qmk/tests/).+"
    r"|data/(?:schemas|mappings|constants)/.+"
    r"|util/[^/]+\.(?:py|json)"
)


def of_the_tree(path: str) -> bool:
    """Whether a file is part of the tree itself; ``path`` is relative to it, with slashes."""
    *folders, name = path.split("/")
    if not _FOLDERS.isdisjoint((*folders, name)):
        return False
    patterns = _FILES if folders else _FILES + _BUILT_FILES
    return not any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def of_the_generator(path: str) -> bool:
    """Whether a file of the tree is all that a build with its keyboard's record has of a tree."""
    return _GENERATOR.fullmatch(path) is not None
