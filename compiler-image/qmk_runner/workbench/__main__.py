"""Carries out one order.

    python3 -P -m qmk_runner.workbench <order.json> <report.json>

The sandbox is entered before anything of the tree or the keymap is looked at. ``-P`` matters:
without it, the folder it is started in is the first in which Python looks for modules.
"""

import gc
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

from qmk_contract.codec import from_body, to_body
from qmk_contract.exit_codes import ExitCode
from qmk_runner import sandbox
from qmk_runner.sandbox import SandboxUnavailableError
from qmk_runner.workbench import programs
from qmk_runner.workbench.attempts import Workbench
from qmk_runner.workbench_order import Attempt, WorkbenchOrder


def main(order_path: Path, report_path: Path) -> int:
    """Exit status 0 means that there is a report, whatever it says; NO_SANDBOX: nothing was run."""
    # For this package alone: what the tree starts of Python shall find no more than it would.
    os.environ.pop("PYTHONPATH", None)  # noqa: TID251
    order = from_body(WorkbenchOrder, json.loads(order_path.read_bytes()))
    try:
        _enter_sandbox(order, report_path)
    except (OSError, SandboxUnavailableError) as error:
        _write(f"The sandbox cannot be entered: {error}.\n".encode())
        return ExitCode.NO_SANDBOX
    attempts = Workbench(order, _write)
    report = attempts.recorded() if order.attempt is Attempt.RECORDED else attempts.whole()
    report_path.write_text(json.dumps(to_body(report)))
    return 0


def _enter_sandbox(order: WorkbenchOrder, report: Path) -> None:
    written = [Path(order.tree), Path(order.home), Path(order.temporary), report.parent]
    written += [Path(path) for path in (order.record,) if path]
    written += [Path(path).parent for path in (order.record_to,) if path]
    rules = sandbox.rules(written, search_path=programs.search_path())
    rules = replace(rules, run=(*rules.run, Path(order.keymap)))
    sandbox.enter(rules, order.sandbox)


def _write(chunk: bytes) -> None:
    sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    # A life this short, and of so many imports, has no garbage worth the search for it.
    gc.disable()
    status = main(*map(Path, sys.argv[1:3]))
    sys.stdout.flush()
    # Nor is there anything to put in order at its end.
    os._exit(status)
