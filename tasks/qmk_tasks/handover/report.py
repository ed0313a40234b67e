"""What the steps without credentials leave about a commit, beside its tree.

A tree's own code can write there as well, so it is no more than a text and a few numbers to show.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from qmk_contract.codec import from_body, to_body
from qmk_contract.documents import read_document
from qmk_contract.refresh import MESSAGE_CHARACTERS_MAX
from qmk_tasks.errors import TaskError
from qmk_tasks.handover.plain_file import read_plain_file

_BYTES_MAX = 64 << 10
#: Steps by the names that a report has for them.
CHECKOUT = "checkout"
SNAPSHOT = "snapshot"


@dataclass(frozen=True)
class Report:
    """Why the snapshot could not be made, if so, and the seconds that each step took."""

    failure: str | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)


def read(folder: Path) -> Report:
    """What is known so far."""
    try:
        content = read_plain_file(folder / "report.json", _BYTES_MAX + 1)
        report = from_body(Report, read_document(content, _BYTES_MAX))
    except (TaskError, ValueError):
        return Report()
    times = {step: report.seconds[step] for step in (CHECKOUT, SNAPSHOT) if step in report.seconds}
    why = report.failure and report.failure[:MESSAGE_CHARACTERS_MAX]
    return Report(why, times)


def add(folder: Path, step: str, seconds: float, failure: str | None = None) -> None:
    """Note how a step ended."""
    known = read(folder)
    times = {**known.seconds, step: round(seconds, 3)}
    body = json.dumps(to_body(replace(known, failure=failure, seconds=times)))
    fresh = folder / "report.json.new"
    fresh.write_text(body)
    fresh.rename(folder / "report.json")
