"""``python3 -s -P -m qmk_runner.contained``: a command of a firmware tree's own, in the sandbox.

For what runs a tree's Python and is no build: whoever makes a snapshot of the tree puts this in
front of the command. It becomes the command, which may read and run what builds may, and the
folders named; it writes to the folders named and nowhere else, and so does all that it starts or
leaves behind. There is no ``/tmp``: the command needs a TMPDIR among its folders.

``-s`` and ``-P`` belong to it. Without them Python would look for modules in HOME and in the
working folder, both of which may be the tree's, before the sandbox is there.
"""

import argparse
import dataclasses
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from qmk_contract.work_order import SandboxMode
from qmk_runner import sandbox, settings

#: More memory than a build has: where a tree's keyboards can be read in one run alone, one process
#: holds the metadata of all.
LIMITS = sandbox.Limits(data_bytes=1536 << 20)


def main(arguments: Sequence[str]) -> int:
    """Become the command; returns ``EX_UNAVAILABLE`` where there is no sandbox for it."""
    given = _parser().parse_args(arguments)
    environment = settings.command_environment()
    found = sandbox.rules([], search_path=environment.get("PATH", os.defpath), limits=LIMITS)
    rules = dataclasses.replace(found, run=(*found.run, *given.read), write=tuple(given.write))
    try:
        sandbox.enter(rules, SandboxMode(given.mode))
    except (sandbox.SandboxUnavailableError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return os.EX_UNAVAILABLE
    # Python ignores them, and a command inherits that.
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvpe(given.command[0], given.command, environment)  # noqa: S606
    except OSError as error:
        sys.stderr.write(f"{given.command[0]} could not be run: {error}\n")
        return os.EX_OSERR


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python3 -s -P -m qmk_runner.contained")
    modes = [mode.value for mode in SandboxMode]
    parser.add_argument("--mode", required=True, choices=modes)
    parser.add_argument("--read", action="append", default=[], type=Path, metavar="FOLDER")
    parser.add_argument("--write", action="append", default=[], type=Path, metavar="FOLDER")
    parser.add_argument("command", nargs="+")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
