"""One build, told in order: fetch, unpack, compile, judge, leave what ``upload`` shall store."""

import contextlib
import sys
from datetime import UTC, datetime

from qmk_contract import artifacts
from qmk_contract.exit_codes import ExitCode
from qmk_contract.phases import Reason
from qmk_contract.record_pointer import RECORD_BYTES_MAX
from qmk_contract.result import BuildResult, RecordUse, Step
from qmk_contract.work_order import BuildOrder
from qmk_runner import compile_command, firmware, record_upload, regular_file
from qmk_runner.attempts import Attempted, Attempts
from qmk_runner.build_log import BuildLog
from qmk_runner.errors import InfrastructureError, Terminated
from qmk_runner.log_text import cleaner
from qmk_runner.outbox import Outbox
from qmk_runner.regular_file import NotRegularError
from qmk_runner.scene import Scene
from qmk_runner.settings import Settings
from qmk_runner.stopwatch import Stopwatch
from qmk_runner.supply import Supply
from qmk_runner.transfer import DISK_FULL
from qmk_runner.usage import usage
from qmk_runner.workbench_order import Attempt
from qmk_runner.workspace import Workspace

OUT_OF_DISK = InfrastructureError(ExitCode.OUT_OF_DISK, "The build ran out of disk space.")
_VIA_NOTE = (
    "This firmware has VIA, and all builds carry the same date: a keymap that was saved on the"
    " keyboard with VIA stays in force after flashing. Clear the keyboard's EEPROM to get this one."
)


def run(order: BuildOrder, settings: Settings, started: datetime) -> ExitCode:
    """Do what the order says; the exit code is the container's.

    log.txt is left in the shared folder in any case, with the reason where there is no result;
    result.json only for an end that another run of the same key would reach again. ``started`` is
    when this process was.
    """
    # What it took to get here is the first step's, or no step would have it.
    watch = Stopwatch(elapsed_seconds=(datetime.now(UTC) - started).total_seconds())
    workspace = Workspace(settings.scratch.resolve())
    clean = cleaner(workspace.tree, workspace.root, workspace.temporary)
    log = BuildLog(
        settings.shared / artifacts.LOG,
        limit_bytes=order.log_bytes,
        clean=clean,
        echo=sys.stdout.buffer,
    )
    try:
        try:
            return _build(Scene(order, settings, workspace, log, clean, watch), started)
        except OSError as error:
            if error.errno in DISK_FULL:
                raise OUT_OF_DISK from error
            raise
    except InfrastructureError as error:
        log.note(error.message)
        return error.exit_code
    except Terminated:
        log.note("The build was ended from outside.")
        raise
    except Exception as error:
        # Its name alone: what it says may be of the pod.
        log.note(f"The runner failed: {type(error).__name__}.")
        raise
    finally:
        # What is written so far is all there is, or it is closed already.
        with contextlib.suppress(OSError, ValueError):
            log.close()


def _build(scene: Scene, started: datetime) -> ExitCode:
    order, outbox = scene.order, Outbox(scene.settings.shared)
    supply = Supply(scene)
    made = _make(scene, supply)
    report, verdict, outputs = made.report, made.verdict, made.outputs
    if verdict.reason is None or report is None:
        raise InfrastructureError(verdict.exit_code, verdict.message)
    completed = verdict.reason is Reason.COMPLETED
    if completed and outputs.has_via:
        scene.log.note(_VIA_NOTE)
    if completed and order.recording:
        _leave_record(scene)
    # A build that fails at its size check has made a file, too.
    product = outputs.firmware if completed else None
    # Before the log is closed: it shall be open to say that the disk is full.
    kept = None if product is None else outbox.leave_firmware(product)
    source = None if outputs.keymap_c is None else outbox.leave_keymap_c(outputs.keymap_c)
    scene.watch.lap(Step.COLLECT)
    result = BuildResult(
        key=order.key,
        keyboard=order.keyboard,
        firmware_commit=order.firmware_commit,
        toolchain_digest=order.toolchain_digest,
        reason=verdict.reason,
        message=verdict.message,
        returncode=report.returncode,
        command=compile_command.words(scene.workspace.keymap.name, order.make_jobs),
        started=started,
        finished=datetime.now(UTC),
        log=scene.log.close(),
        firmware=kept,
        keymap_c=source,
        usage=usage(made.log, outputs.elf),
        diagnostics=made.messages,
        times=_waits(order, started) | scene.watch.times,
        path=report.path,
        record=supply.record_use(report.record),
        sandbox=made.sandbox,
    )
    outbox.leave_result(result)
    return verdict.exit_code


def _make(scene: Scene, supply: Supply) -> Attempted:
    """With the keyboard's record alone, if it serves; else with the whole tree."""
    request = supply.request()
    names = firmware.names(scene.order.keyboard, scene.order.keymap_name)
    attempts = Attempts(scene, names, request)
    if supply.lay_record():
        made = attempts.run(Attempt.RECORDED, recorded=True)
        if made.decided:
            return made
        if made.report is None or not made.report.needs_tree:
            scene.log.note("The keyboard's record did not serve: building with the whole tree.")
            # Nothing is known against the record itself: whatever broke the attempt may have
            # been the node's fault.
            supply.set_record_aside(RecordUse.UNFIT)
        elif made.report.record is RecordUse.REJECTED:
            supply.set_record_aside(RecordUse.REJECTED)
    return attempts.run(Attempt.WHOLE, recorded=supply.lay_tree())


def _waits(order: BuildOrder, started: datetime) -> dict[str, int]:
    """How long it took until this process began; clocks of two machines may disagree a little."""
    times: dict[str, int] = {}
    if order.admitted is not None:
        if order.requested is not None:
            times[Step.QUEUE] = _milliseconds(order.requested, order.admitted)
        times[Step.START] = _milliseconds(order.admitted, started)
    return times


def _milliseconds(since: datetime, until: datetime) -> int:
    return max(0, round(1000 * (until - since).total_seconds()))


def _leave_record(scene: Scene) -> None:
    try:
        data = regular_file.read(scene.workspace.new_record, size_max=RECORD_BYTES_MAX)
    except FileNotFoundError:
        scene.log.note("No record of the keyboard was made.")
        return
    except NotRegularError as error:
        scene.log.note(f"The record of the keyboard is not kept: {error}.")
        return
    record_upload.leave(
        scene.settings.shared,
        data,
        digest=scene.order.record_digest,
        keyboard=scene.order.keyboard,
    )
