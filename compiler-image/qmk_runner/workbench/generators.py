"""Runs a record's generators as a build without the tree does, in a process of its own.

    python3 -P -m qmk_runner.workbench.generators <record.json> <folder>

A process that has loaded a whole tree cannot tell what its generators do without it.
"""

import json
import os
import sys
from pathlib import Path

from qmk_contract.codec import from_body
from qmk_runner.workbench import replay
from qmk_runner.workbench.launcher import LauncherUnfitError
from qmk_runner.workbench.record import Record
from qmk_runner.workbench.selection import UnfitError


def main(document: Path, folder: Path) -> int:
    """Exit status 1: a generator failed; it has said why."""
    # For this package alone, as for the workbench.
    os.environ.pop("PYTHONPATH", None)  # noqa: TID251
    made = from_body(Record, json.loads(document.read_bytes()))
    try:
        launcher = replay.launcher(made, folder)
        launcher.prepare_keymaps()
        replay.run_all(launcher, replay.varying(made), folder, 1, output=sys.stdout.fileno())
    except (LauncherUnfitError, UnfitError) as error:
        sys.stdout.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:3])))
