"""What the workbench says of an attempt, taken with care: strangers' code ran beside it.

It can tell how a build went, and no more: whether there is a firmware, and what the end means, is
found out without it.
"""

import json
from dataclasses import replace
from pathlib import Path

from qmk_contract.codec import BodyError, from_body
from qmk_contract.result import Step
from qmk_runner import regular_file
from qmk_runner.regular_file import NotRegularError
from qmk_runner.workbench_order import WorkbenchReport

REPORT_BYTES_MAX = 64 << 10
_NOTE_LENGTH_MAX = 256
#: What subprocess can say of a program: its exit status, or the negative number of a signal.
_RETURNCODES = range(-64, 256)
#: Steps that take place inside the workbench.
_STEPS = frozenset({Step.GENERATE, Step.COMPILE, Step.LINK})


def read(path: Path) -> WorkbenchReport | None:
    """The report at ``path``, reduced to what it may say; None if there is none."""
    try:
        report = from_body(
            WorkbenchReport, json.loads(regular_file.read(path, size_max=REPORT_BYTES_MAX))
        )
    except (FileNotFoundError, NotRegularError, BodyError, ValueError, RecursionError):
        return None
    if report.returncode not in _RETURNCODES:
        return None
    return replace(
        report,
        times={
            step: milliseconds
            for step, milliseconds in report.times.items()
            if step in _STEPS and milliseconds >= 0
        },
        note=_encodable(" ".join(report.note.split())[:_NOTE_LENGTH_MAX]),
    )


def _encodable(text: str) -> str:
    """JSON can name halves of surrogate pairs, which no encoding has."""
    return text.encode("utf-8", "replace").decode()
