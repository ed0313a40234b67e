"""The fast and the partial path: a keymap with the recorded objects of its keyboard."""

import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from qmk_contract.result import BuildPath
from qmk_contract.result import Step as BuildStep
from qmk_runner.workbench import directives, record, selection
from qmk_runner.workbench.assembly import Assembly, KeymapError
from qmk_runner.workbench.launcher import Fork, Launcher
from qmk_runner.workbench.record import Generation, Record
from qmk_runner.workbench.selection import UnfitError

#: make's exit status, and so `qmk compile`'s, when a step of a build failed.
FAILED = 2
#: The tree's generators write the year in which they run into the notice that begins each file
#: (QMK's qmk.constants). No program reads it, and a record shall serve on New Year's Day, too.
_YEAR = re.compile(r"^(// |# )Copyright \d{4}\b", re.MULTILINE)


class NeedsTreeError(Exception):
    """Only with the whole tree can it be said what this keymap's firmware is."""


@dataclass(frozen=True)
class Replayed:
    """How it ended: 0, or FAILED for a fault of the keymap."""

    returncode: int
    path: BuildPath


@dataclass
class Replay:
    """One attempt. ``whole``: the tree is, not only its generators and the record's files.

    ``begun`` is when the attempt's first step began (monotonic clock).
    """

    record: Record
    assembly: Assembly
    whole: bool
    begun: float
    times: dict[str, int] = field(default_factory=dict)

    def run(self, launcher: Launcher, keymap: bytes) -> Replayed:
        """Make the firmware, or find out that the keymap is at fault.

        Raises:
            UnfitError: the record is of no use for this keymap.
            NeedsTreeError: not without the whole tree.
            StepFailedError: something went wrong that need not be the keymap's fault.
        """
        changed = self._generate(launcher, keymap)
        self._lap(BuildStep.GENERATE)
        units = selection.affected(self.record, changed)
        blamed = selection.keymap_units(self.record)
        fast = set(units) <= set(blamed)
        if not self.whole and not (fast and all(map(_asks_for_the_same, changed.values()))):
            raise NeedsTreeError("the keymap reads more, or is read by more, than its own unit")
        path = BuildPath.FAST if fast else BuildPath.PARTIAL
        try:
            self.assembly.compile(units, blamed)
        except KeymapError:
            self._lap(BuildStep.COMPILE)
            return Replayed(FAILED, path)
        if not self.whole and not all(map(self.assembly.reads_only_what_was_recorded, units)):
            raise NeedsTreeError("the keymap's unit read other files than the recorded one")
        self.assembly.archive(units)
        self._lap(BuildStep.COMPILE)
        self.assembly.link()
        self._lap(BuildStep.LINK)
        return Replayed(self._deliver(), path)

    def _deliver(self) -> int:
        size, log = self.assembly.size(), self.assembly.log
        if size is None or size.fits:
            self.assembly.deliver()
        if size is not None:
            log.line(f" * {size.sentence}")
        return 0 if size is None or size.fits else FAILED

    def _lap(self, step: BuildStep) -> None:
        now = time.monotonic()
        self.times[step] = round(1000 * (now - self.begun))
        self.begun = now

    def _generate(self, launcher: Launcher, keymap: bytes) -> Mapping[str, tuple[str, str]]:
        """Files that the tree's generators make another way for this keymap: recorded, and now."""
        tree = self.assembly.tree
        generations = varying(self.record)
        recorded = {item.output: _text(tree / item.output) for item in generations}
        (tree / self.record.keymap).write_bytes(keymap)
        for item in generations:
            (tree / item.output).unlink()
        run_all(launcher, generations, tree, self.assembly.jobs)
        made = {path: _text(tree / path) for path in recorded}
        return {path: (recorded[path], made[path]) for path in made if made[path] != recorded[path]}


def launcher(made: Record, tree: Path) -> Launcher:
    """``qmk`` with the commands alone that a record's keymap goes through.

    Raises:
        LauncherUnfitError: the tree's Python cannot be loaded that way.
    """
    return Launcher.load(tree, sorted({item.module for item in varying(made)}))


def varying(made: Record) -> tuple[Generation, ...]:
    return tuple(item for item in made.generations if not item.constant)


def check_keymap(made: Record, keymap: bytes, keymap_name: str) -> None:
    """Make sure that the record may be of use for a keymap document.

    Raises:
        UnfitError: it is not.
    """
    if keymap_name != made.keymap_name:
        raise UnfitError("the record has another keymap's name")
    try:
        document = json.loads(keymap)
        if not isinstance(document, dict) or document.get("modules"):
            raise UnfitError("the keymap has community modules")
    except (ValueError, RecursionError) as error:
        raise UnfitError("the keymap is no document") from error


def run_all(
    launcher: Launcher,
    generations: tuple[Generation, ...],
    tree: Path,
    jobs: int,
    output: int | None = None,
) -> None:
    """Run generators, some at a time; ``output`` is a descriptor for what they say.

    Raises:
        UnfitError: one failed. What it said in a build is for the full path to say.
    """
    null = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
    said = null if output is None else output
    running: list[Fork] = []
    failed = False
    try:
        for item in generations:
            if len(running) >= max(1, jobs):
                failed |= running.pop(0).wait() != 0
            command = record.words(item.command, str(tree))
            running.append(launcher.start(command, folder=tree, output=said, errors=said))
    finally:
        ends = [fork.wait() for fork in running]
        os.close(null)
    if failed or any(ends):
        raise UnfitError("the tree's generators do not take this keymap")


def _asks_for_the_same(texts: tuple[str, str]) -> bool:
    recorded, made = texts
    return directives.asks_for_the_same(made, recorded)


def _text(path: Path) -> str:
    """A generated file, but for the year of its copyright notice."""
    return _YEAR.sub(r"\1Copyright", path.read_bytes().decode("utf-8", "surrogateescape"))
