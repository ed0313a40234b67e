"""Attempts at one build: the workbench, run in its sandbox, and what it left behind.

All attempts share one time limit and one log. What an end means is judged here, from what the
attempt left; of what the workbench says of itself, only how it went is taken over.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import qmk_contract
import qmk_runner
from qmk_contract.codec import to_body
from qmk_contract.exit_codes import ExitCode
from qmk_contract.result import Diagnostic, Step
from qmk_runner import (
    bench_report,
    diagnostics,
    firmware,
    outcome,
    process_group,
    sandbox,
    scratch_watch,
)
from qmk_runner.errors import InfrastructureError
from qmk_runner.firmware import Names, Outputs
from qmk_runner.memory_watch import MemoryWatch
from qmk_runner.outcome import Evidence, Verdict
from qmk_runner.process_group import Bounds, Ended
from qmk_runner.sandbox import SandboxUnavailableError
from qmk_runner.scene import Scene
from qmk_runner.scratch_watch import ScratchWatch
from qmk_runner.watch import Watch
from qmk_runner.workbench_order import Attempt, WorkbenchOrder, WorkbenchReport

#: -P: no file of the tree, where it is started, is taken for a module of Python.
_WORKBENCH = ("python3", "-P", "-m", "qmk_runner.workbench")


@dataclass(frozen=True)
class Attempted:
    """What became of an attempt; ``log`` is its part of the build's.

    ``sandbox`` are the layers that the workbench had to put in force to get anywhere.
    """

    sandbox: tuple[str, ...]
    report: WorkbenchReport | None
    outputs: Outputs
    log: str
    messages: tuple[Diagnostic, ...]
    verdict: Verdict

    @property
    def decided(self) -> bool:
        """Whether this is how the build ends: the whole tree would not change it."""
        if self.verdict.exit_code is not ExitCode.OK:
            return self.verdict.exit_code is not ExitCode.NO_RESULT
        return self.report is not None and not self.report.needs_tree


class Attempts:
    """Runs the workbench on what lies in the workspace."""

    def __init__(self, scene: Scene, names: Names, request: Mapping[str, Any]) -> None:
        self._scene = scene
        self._names = names
        self._request = request
        self._seconds = float(scene.order.timeout_seconds)

    def run(self, attempt: Attempt, *, recorded: bool) -> Attempted:
        """Make one attempt; ``recorded`` if the keyboard's record lies in the workspace.

        Raises:
            InfrastructureError: there is no workbench here, or it cannot be contained.
        """
        try:
            layers = sandbox.check(self._scene.order.sandbox)
        except SandboxUnavailableError as error:
            raise InfrastructureError(ExitCode.NO_SANDBOX, str(error)) from error
        log, workspace = self._scene.log, self._scene.workspace
        before = log.position()
        volume_bytes = self._scene.settings.scratch_bytes
        memory = MemoryWatch(self._scene.settings.cgroup)
        disk = ScratchWatch(workspace.root, bytes_max=scratch_watch.bound(volume_bytes))
        ended = self._start(self._workbench_order(attempt, recorded), (memory, disk))
        report = bench_report.read(workspace.report)
        self._scene.watch.split({} if report is None else report.times, Step.GENERATE)
        text = log.text(before)
        if report is None and ended.returncode == ExitCode.NO_SANDBOX:
            raise InfrastructureError(
                ExitCode.NO_SANDBOX, "This node's kernel did not put the build's sandbox in force."
            )
        if report is not None and report.note:
            log.note(f"The keyboard's record does not serve here: {report.note}.")
        outputs = firmware.collect(workspace.tree, self._names)
        evidence = Evidence(
            returncode=ended.returncode if report is None else report.returncode,
            timed_out=ended.timed_out,
            memory_kills=memory.kills,
            log=text,
            firmware_found=outputs.firmware is not None,
            reported=report is not None and ended.returncode == 0,
            excess=ended.excess,
            disk_full=scratch_watch.is_full(workspace.root),
            own_disk=scratch_watch.is_alone(workspace.root, volume_bytes),
        )
        verdict = outcome.judge(evidence)
        messages: tuple[Diagnostic, ...] = ()
        # Nobody reads those of an end that is no result, or of a build that is yet to come.
        if verdict.reason is not None and (report is None or not report.needs_tree):
            messages = diagnostics.parse(
                text,
                outputs.keymap_c or b"",
                outputs.header or b"",
                self._request,
                outputs.flags,
            )
            verdict = outcome.explained(verdict, messages)
        return Attempted(layers, report, outputs, text, messages, verdict)

    def _start(self, order: WorkbenchOrder, watches: Sequence[Watch]) -> Ended:
        workspace = self._scene.workspace
        workspace.order.write_text(json.dumps(to_body(order)))
        began = time.monotonic()
        try:
            return process_group.run(
                (*_WORKBENCH, str(workspace.order), str(workspace.report)),
                folder=workspace.tree,
                environment=self._environment(),
                output=self._scene.log.feed,
                timeout_seconds=self._seconds,
                bounds=Bounds(watches=watches),
            )
        except FileNotFoundError as error:
            raise InfrastructureError(
                ExitCode.BAD_ORDER, "This image has no Python on its search path."
            ) from error
        finally:
            self._seconds -= time.monotonic() - began

    def _workbench_order(self, attempt: Attempt, recorded: bool) -> WorkbenchOrder:
        order, workspace = self._scene.order, self._scene.workspace
        return WorkbenchOrder(
            attempt=attempt,
            tree=str(workspace.tree),
            keymap=str(workspace.keymap),
            home=str(workspace.home),
            temporary=str(workspace.temporary),
            keyboard=order.keyboard,
            keymap_name=order.keymap_name,
            make_jobs=order.make_jobs,
            sandbox=order.sandbox,
            record=str(workspace.record) if recorded else None,
            record_digest=order.record_digest,
            record_to=str(workspace.new_record) if order.recording else None,
        )

    def _environment(self) -> dict[str, str]:
        """All that the workbench and the tree see of an environment; milc fails without a HOME."""
        workspace = self._scene.workspace
        packages = (Path(package.__path__[0]).parent for package in (qmk_runner, qmk_contract))
        return {
            "PATH": self._scene.settings.search_path,
            "PYTHONPATH": ":".join(dict.fromkeys(map(str, packages))),
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": str(workspace.home),
            "TMPDIR": str(workspace.temporary),
            "QMK_HOME": str(workspace.tree),
            "ORIG_CWD": str(workspace.tree),
            "SKIP_GIT": "yes",
            "LC_ALL": "C.UTF-8",
        }
