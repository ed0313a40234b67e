"""What is tried, and in which order: with a record's files alone, or with the whole tree."""

import os
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from qmk_contract.result import BuildPath, RecordUse
from qmk_runner import compile_command
from qmk_runner.workbench import full_build, record_folder, replay
from qmk_runner.workbench.assembly import Assembly, StepFailedError
from qmk_runner.workbench.launcher import Launcher, LauncherUnfitError
from qmk_runner.workbench.record import BUILD, Record, RecordError
from qmk_runner.workbench.replay import NeedsTreeError, Replay
from qmk_runner.workbench.selection import UnfitError
from qmk_runner.workbench.step_log import StepLog
from qmk_runner.workbench_order import Attempt, WorkbenchOrder, WorkbenchReport

#: How an attempt with a record can fail, and what that says of the record.
_USES: Mapping[type[Exception], RecordUse] = {
    RecordError: RecordUse.REJECTED,
    UnfitError: RecordUse.UNFIT,
    LauncherUnfitError: RecordUse.UNFIT,
    NeedsTreeError: RecordUse.USED,
    StepFailedError: RecordUse.USED,
    OSError: RecordUse.USED,
    # As a file that is not in the form that it should have.
    ValueError: RecordUse.USED,
}


@dataclass(frozen=True)
class Workbench:
    """An order at work. ``output`` takes what is for the build's log."""

    order: WorkbenchOrder
    output: Callable[[bytes], None]

    def recorded(self) -> WorkbenchReport:
        """The fast path, or a report that says that the whole tree is needed."""
        try:
            begun = time.monotonic()
            made = self._record()
            return self._replay(made, replay.launcher(made, self._tree), begun)
        except tuple(_USES) as error:
            return self._report(0, BuildPath.FAST, _use(error), needs_tree=True, note=str(error))

    def whole(self) -> WorkbenchReport:
        """The partial path where a record serves, else the full one.

        Raises:
            OSError: what the partial path left cannot be removed.
        """
        begun = time.monotonic()
        try:
            launcher = Launcher.load(self._tree)
        except LauncherUnfitError as error:
            self.output(f"Each qmk command starts anew: {error}\n".encode())
            return self._full(None, RecordUse.ABSENT)
        if not self.order.record:
            return self._full(launcher, RecordUse.ABSENT)
        try:
            return self._replay(self._record(), launcher, begun)
        # Whatever a record, or code of ours that reads it, comes to: the tree does without.
        except Exception as error:  # noqa: BLE001
            self._remove_made()
            use, note = _use(error), str(error)
            if not isinstance(error, tuple(_USES)):
                note = f"{type(error).__name__}: {error}"
                self.output(f"The record is of no use: {note}\n".encode())
        return self._full(launcher, RecordUse.UNFIT if use is RecordUse.USED else use, note)

    @property
    def _tree(self) -> Path:
        return Path(self.order.tree)

    def _remove_made(self) -> None:
        """The full path shall find the tree as it was: what stays there can change the flags."""
        made = self._tree / BUILD
        if os.path.lexists(made):
            shutil.rmtree(made)

    def _record(self) -> Record:
        folder = Path(self.order.record or "")
        made = record_folder.read(
            folder, digest=self.order.record_digest, keyboard=self.order.keyboard
        )
        keymap = Path(self.order.keymap).read_bytes()
        replay.check_keymap(made, keymap, self.order.keymap_name)
        record_folder.install(folder, self._tree, whole=self.order.attempt is Attempt.WHOLE)
        return made

    def _replay(self, made: Record, launcher: Launcher, begun: float) -> WorkbenchReport:
        told: list[bytes] = []
        assembly = Assembly(made, self._tree, self.order.make_jobs, StepLog(told.append))
        attempt = Replay(made, assembly, self.order.attempt is Attempt.WHOLE, begun)
        launcher.prepare_keymaps()
        ended = attempt.run(launcher, Path(self.order.keymap).read_bytes())
        # What an attempt that leads nowhere says is nobody's to read.
        self.output(b"".join(told))
        return self._report(ended.returncode, ended.path, RecordUse.USED, times=attempt.times)

    def _full(self, launcher: Launcher | None, use: RecordUse, note: str = "") -> WorkbenchReport:
        folder = Path(self.order.temporary) / "full-build"
        if launcher:
            launcher.prepare_keymaps()
            launcher.prepare_keyboard(self.order.keyboard)
        if self.order.record_to and launcher:
            # Here, because nobody else's build needs any of it.
            from qmk_runner.workbench import recording_build

            build = recording_build.run(self.order, launcher, folder, self.output)
        else:
            command = compile_command.words(self.order.keymap, self.order.make_jobs)
            build = full_build.run(
                command, self._tree, folder=folder, launcher=launcher, output=self.output
            )
        return self._report(build.returncode, BuildPath.FULL, use, times=build.times, note=note)

    def _report(
        self,
        returncode: int,
        path: BuildPath,
        use: RecordUse,
        *,
        times: Mapping[str, int] | None = None,
        needs_tree: bool = False,
        note: str = "",
    ) -> WorkbenchReport:
        return WorkbenchReport(
            needs_tree=needs_tree,
            returncode=returncode,
            path=path,
            record=use,
            times=times or {},
            note=note,
        )


def _use(error: Exception) -> RecordUse:
    uses = (use for failure, use in _USES.items() if isinstance(error, failure))
    return next(uses, RecordUse.UNFIT)
