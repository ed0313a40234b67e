"""The two steps of a refresh that have no credentials: trees fetched, and snapshots made of them.

A commit for which a step fails is left out of the steps that follow, with a report that says why;
the others go on. A step that was ended half-way and is started again takes up what it had.
"""

import shutil
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from qmk_tasks.checkout import checkout
from qmk_tasks.checkout.checkout import Source
from qmk_tasks.checkout.git import Git
from qmk_tasks.containment import Containment
from qmk_tasks.errors import TaskError
from qmk_tasks.handover import previous_files, report
from qmk_tasks.handover.plan import Move, Plan
from qmk_tasks.settings import GitSettings
from qmk_tasks.snapshot import snapshot, source


@dataclass(frozen=True)
class Brought:
    """A tree that whoever asked has packed: a presigned URL, and the archive's SHA-256."""

    url: str
    sha256: str


def check_out(plan: Plan, work: Path, settings: GitSettings) -> None:
    """Fetch the trees of all commits whose snapshots are to be made."""

    def fetch(move: Move, folder: Path) -> None:
        if not move.url:
            return
        git = Git(settings, checkout.check_url(move.channel, move.url))
        wanted = Source(move.url, move.commit, move.ref)
        checkout.checkout(wanted, folder / "tree", folder / "git", git)

    _each(plan, work, report.CHECKOUT, fetch)


def make_snapshots(
    plan: Plan, plan_folder: Path, work: Path, containment: Containment, brought: Brought | None
) -> None:
    """Make the snapshots of all trees."""

    def make(move: Move, folder: Path) -> None:
        tree = folder / "tree"
        if brought is not None:
            shutil.rmtree(tree, ignore_errors=True)
            source.fetch(brought.url, brought.sha256, tree)
        snapshot.build(
            tree,
            move.commit,
            folder / "objects",
            home=folder / "metadata",
            containment=containment,
            previous=previous_files.read(plan_folder, move.previous),
        )

    _each(plan, work, report.SNAPSHOT, make)


def _each(plan: Plan, work: Path, step: str, act: Callable[[Move, Path], None]) -> None:
    for move in plan.made():
        folder = work / move.commit
        folder.mkdir(parents=True, exist_ok=True)
        known = report.read(folder)
        if known.failure is not None or step in known.seconds:
            continue
        started = time.monotonic()
        try:
            act(move, folder)
        except Exception as error:  # noqa: BLE001 - without a report, nobody is told of it
            why = f"{step} failed: {_reason(error)}"
            sys.stderr.write(f"Commit {move.commit}: {why}\n")
            # It makes room where there is none, for the report and for the commits that follow.
            for left in ("tree", "git", "packing", "objects", "metadata"):
                shutil.rmtree(folder / left, ignore_errors=True)
            report.add(folder, step, time.monotonic() - started, why)
        else:
            report.add(folder, step, time.monotonic() - started)


def _reason(error: Exception) -> str:
    if isinstance(error, TaskError | OSError):
        return str(error)
    traceback.print_exception(error)
    return f"{type(error).__name__}: {error}"
