"""Compiles chosen units of a record, links, and makes the firmware files: make's own commands."""

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from qmk_runner.workbench import dependencies, programs, record, selection
from qmk_runner.workbench.programs import Finished
from qmk_runner.workbench.record import BUILD, Record, Step, Unit
from qmk_runner.workbench.size_check import Size, data_bytes
from qmk_runner.workbench.step_log import StepLog

#: What no keymap's text is to blame for, as far as a compiler's words tell.
_NOT_OF_THE_TEXT = (
    b"No such file or directory",
    b"not found",
    b"internal compiler error",
    b"Killed",
    b"cannot execute",
    b"No space left",
    b"memory",
)


class StepFailedError(Exception):
    """A command ended with an error. What it said is in the log."""


class KeymapError(Exception):
    """The compiler finds fault with the keymap."""


@dataclass(frozen=True)
class Assembly:
    """One firmware in the making. ``tree`` has the record's files in their places."""

    record: Record
    tree: Path
    jobs: int
    log: StepLog

    def compile(self, units: Sequence[Unit], blamed: Sequence[Unit]) -> None:
        """Compile; errors in ``blamed`` units are the keymap's if they look like such.

        Raises:
            KeymapError: nothing but such errors.
            StepFailedError: something else went wrong.
        """
        with ThreadPoolExecutor(max(1, self.jobs)) as pool:
            ends = list(pool.map(self._compile, units))
        failed = [(unit, end) for unit, end in zip(units, ends, strict=True) if end.returncode]
        if not failed:
            return
        for unit, end in failed:
            if unit not in blamed or not _blames_text(end):
                raise StepFailedError(f"{unit.source}: {end.last_line}")
        raise KeymapError

    def archive(self, units: Sequence[Unit]) -> None:
        """Make the archives of these units' objects anew.

        Raises:
            StepFailedError: a command ended with an error.
        """
        for step in selection.archives(self.record, units):
            made = _last_made(step, ".a")
            (self.tree / made).unlink(missing_ok=True)
            self._step(f"Archiving: {made}", step)

    def reads_only_what_was_recorded(self, unit: Unit) -> bool:
        """Whether a unit that was compiled here read no file that the recorded one did not read.

        It may have read fewer: of files with the same text and time, gcc takes those with
        ``#pragma once`` for one, and the times here are others.
        """
        command = record.words(unit.command, str(self.tree))
        try:
            text = (self.tree / dependencies.file_of(command, unit.output)).read_text()
        except OSError:
            return False
        return dependencies.parse(text, str(self.tree)) <= record.dependencies(unit)

    def link(self) -> None:
        """Link, and do the steps after it.

        Raises:
            StepFailedError: a command ended with an error.
        """
        # What is measured shall be what these steps made, and not the recording's.
        self._measured.unlink(missing_ok=True)
        self._step(f"Linking: {self.record.linked}", self.record.link)
        for step in self.record.steps:
            self._step(f"Creating load file for flashing: {_last_made(step, '')}", step)

    def size(self) -> Size | None:
        """What the firmware takes, where the record has a limit.

        As QMK does, this measures the HEX file, whatever the board flashes: some AVR boards take
        a .bin (FIRMWARE_FORMAT), and that file has no gaps and so another size.

        Raises:
            StepFailedError: there is a limit, and nothing to measure.
        """
        if self.record.limit is None:
            return None
        try:
            used = data_bytes(self._measured.read_bytes())
        except (OSError, ValueError) as error:
            raise StepFailedError(f"the firmware's size is unknown: {error}") from error
        return Size(used, self.record.limit)

    @property
    def _measured(self) -> Path:
        return (self.tree / self.record.linked).with_suffix(".hex")

    def deliver(self) -> None:
        """Copy the firmware to where users of the tree look for it."""
        for product in self.record.products:
            shutil.copyfile(self.tree / product.source, self.tree / product.name)

    def _compile(self, unit: Unit) -> Finished:
        (self.tree / unit.output).parent.mkdir(parents=True, exist_ok=True)
        end = programs.run(record.words(unit.command, str(self.tree)), self.tree)
        title = f"Compiling: {unit.source}"
        if end.returncode:
            self.log.failed(title, end.output)
        else:
            self.log.done(title, end.output)
        return end

    def _step(self, title: str, step: Step) -> None:
        command = record.words(step.command, str(self.tree))
        end = programs.run(command, self.tree, {"MAKE": step.make} if step.make else None)
        if end.returncode:
            self.log.failed(title, end.output)
            raise StepFailedError(f"{title}: {end.last_line}")
        self.log.done(title)


def _blames_text(end: Finished) -> bool:
    """What was not read to its end says nothing for sure: then the full path decides."""
    if end.returncode != 1 or not end.whole:
        return False
    return b"error:" in end.output and not any(word in end.output for word in _NOT_OF_THE_TEXT)


def _last_made(step: Step, suffix: str) -> str:
    """The last file of the build folder that a command names."""
    words = step.command.split("\n")
    names = [w for w in words if w.startswith(f"{BUILD}/") and w.endswith(suffix)]
    return names[-1] if names else words[0]
