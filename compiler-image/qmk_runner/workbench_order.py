"""What the workbench is told and what it reports: two JSON files.

The workbench is the one child in which everything runs that can touch a stranger's text. So its
report is only a report: what a build's end means is decided by the process that started it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from qmk_contract.result import BuildPath, RecordUse
from qmk_contract.work_order import SandboxMode


class Attempt(StrEnum):
    """What lies in the workspace, and so what can be tried."""

    #: The generator and the keyboard's record: the fast path, or nothing.
    RECORDED = "recorded"
    #: The whole tree, and perhaps a record: the partial path, else the full one.
    WHOLE = "whole"


@dataclass(frozen=True)
class WorkbenchOrder:
    """One attempt. All paths are absolute.

    ``record`` is the folder that a record was unpacked to, with ``record_digest`` what it must
    carry; ``record_to`` the file that a new record is written to.
    """

    attempt: Attempt
    tree: str
    keymap: str
    home: str
    temporary: str
    keyboard: str
    keymap_name: str
    make_jobs: int
    sandbox: SandboxMode
    record: str | None = None
    record_digest: str = ""
    record_to: str | None = None


@dataclass(frozen=True)
class WorkbenchReport:
    """How the attempt went. ``times`` are milliseconds by Step.

    ``needs_tree``: nothing was built, the keymap asks for an attempt with the whole tree.
    ``returncode`` is that of the step that ended the build, as subprocess has it.
    """

    needs_tree: bool
    returncode: int
    path: BuildPath
    record: RecordUse
    times: Mapping[str, int] = field(default_factory=dict)
    #: Why a record did not serve, or was not left: a sentence's part for the operators' eyes.
    note: str = ""
