"""The demo firmware as a developer's working copy, and the programs that publish it."""

import json
import shutil
import sys
from pathlib import Path

from tests.build_pod import ROOT

COMMIT = "e" * 64
#: A file that is large enough to be stored compressed too.
LARGE = "v1/templates/large.json"
SEARCH_PATH = f"{Path(sys.executable).parent}:/usr/bin:/bin"
PACKAGES = ":".join(str(ROOT / name) for name in ("contract", "tasks"))


def working_copy(tree: Path) -> Path:
    """The demo tree with what a working copy has besides, and one large file of metadata."""
    ignored = shutil.ignore_patterns(".build", "__pycache__", "*.hex")
    shutil.copytree(ROOT / "tests/firmware", tree, ignore=ignored)
    for name in ("lib/chibios/os/hal.mk", "docs/page.md", ".git/HEAD", "demo_pad6_default.hex"):
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(name)
    (tree / "quantum/link.h").symlink_to("action.h")
    large = {"title": "Large", "enum": [f"KC_{number}" for number in range(9000)]}
    (tree / "data" / LARGE.removeprefix("v1/")).write_text(json.dumps(large))
    return tree
