"""The keyboard site that one plain run of a tree's ``qmk generate-api`` writes."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from qmk_tasks.metadata.qmk_program import environment
from tests.integration.working_copy import SEARCH_PATH

_TIME = re.compile(rb'"last_updated":"[^"]*"')


def plain(tree: Path, folder: Path) -> Mapping[str, bytes]:
    """The files that it writes in a copy of the tree."""
    shutil.copytree(tree, folder / "tree", symlinks=True)
    command = ["qmk", "--no-color", "generate-api"]
    given = environment(folder / "tree", folder, SEARCH_PATH)
    subprocess.run(command, cwd=folder / "tree", env=given, check=True, capture_output=True)
    return files(folder / "tree/.build/api_data")


def files(site: Path) -> Mapping[str, bytes]:
    """All files of a site, as if they had been made at the same time."""
    return {
        str(path.relative_to(site)): _TIME.sub(b'"last_updated":""', path.read_bytes())
        for path in site.rglob("*")
        if path.is_file()
    }
