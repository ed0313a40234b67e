"""Where the runner's own packages are, for each Python that it starts."""

import os
from pathlib import Path

import qmk_contract
import qmk_runner


def search_path() -> str:
    """What PYTHONPATH is to be for them."""
    homes = (Path(package.__path__[0]).parent for package in (qmk_runner, qmk_contract))
    return os.pathsep.join(dict.fromkeys(map(str, homes)))
