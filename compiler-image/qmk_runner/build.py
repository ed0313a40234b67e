"""One build, told in order: fetch, unpack, compile, judge, leave what ``upload`` shall store."""

import contextlib
import hashlib
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from qmk_contract import artifacts
from qmk_contract.codec import to_body
from qmk_contract.exit_codes import ExitCode
from qmk_contract.phases import Reason
from qmk_contract.result import Artifact, BuildResult, Firmware
from qmk_contract.work_order import BuildOrder
from qmk_runner import compile as compiler
from qmk_runner import diagnostics, fetch, firmware, memory_watch, outcome, regular_file, tree
from qmk_runner.build_log import BuildLog
from qmk_runner.compile import Workspace
from qmk_runner.errors import InfrastructureError
from qmk_runner.firmware import Outputs
from qmk_runner.log_text import cleaner
from qmk_runner.outcome import Evidence
from qmk_runner.process_group import Ended
from qmk_runner.settings import Settings
from qmk_runner.stopwatch import Stopwatch
from qmk_runner.transfer import DISK_FULL
from qmk_runner.usage import usage

OUT_OF_DISK = InfrastructureError(ExitCode.OUT_OF_DISK, "The build ran out of disk space.")


def run(order: BuildOrder, settings: Settings) -> ExitCode:
    """Do what the order says; the exit code is the container's.

    log.txt is left in the shared folder in any case, result.json only for an end that another
    run of the same key would reach again.
    """
    workspace = Workspace(settings.scratch.resolve() / "work")
    log = BuildLog(
        settings.shared / artifacts.LOG,
        limit_bytes=order.log_bytes,
        clean=cleaner(workspace.tree, settings.scratch.resolve(), workspace.temporary),
        echo=sys.stdout.buffer,
    )
    try:
        try:
            return _build(order, settings, workspace, log)
        except OSError as error:
            if error.errno in DISK_FULL:
                raise OUT_OF_DISK from error
            raise
    except InfrastructureError as error:
        log.note(error.message)
        with contextlib.suppress(OSError, ValueError):  # what is written so far is all there is
            log.close()
        return error.exit_code


def _build(order: BuildOrder, settings: Settings, workspace: Workspace, log: BuildLog) -> ExitCode:
    started = datetime.now(UTC)
    watch = Stopwatch()
    request = _prepare(order, settings, workspace, watch)
    names = firmware.names(order.keyboard, order.keymap_name, request)
    firmware.remove(workspace.tree, names.firmware)
    ended, memory_kills = _compile(order, settings, workspace, log)
    watch.lap("compile")
    outputs = firmware.collect(workspace.tree, names)
    text = log.text()
    messages = diagnostics.parse(text, outputs.keymap_c or b"", outputs.header or b"", request)
    built = outputs.firmware is not None
    verdict = outcome.judge(
        Evidence(ended.returncode, ended.timed_out, memory_kills, text, built, messages)
    )
    if verdict.reason is None:
        raise InfrastructureError(verdict.exit_code, verdict.message)
    # Before the log is closed: it shall be open to say that the disk is full.
    made = _leave_firmware(settings.shared, outputs, verdict.reason)
    keymap_c = _leave(settings.shared / artifacts.KEYMAP_C, outputs.keymap_c)
    watch.lap("collect")
    result = BuildResult(
        key=order.key,
        keyboard=order.keyboard,
        firmware_commit=order.firmware_commit,
        toolchain_digest=order.toolchain_digest,
        reason=verdict.reason,
        message=verdict.message,
        returncode=ended.returncode,
        command=compiler.command(workspace.keymap.name, order.make_jobs),
        started=started,
        finished=datetime.now(UTC),
        log=log.close(),
        firmware=made,
        keymap_c=keymap_c,
        usage=usage(text, outputs.elf),
        diagnostics=messages,
        times=watch.times,
    )
    _leave(settings.shared / artifacts.RESULT, json.dumps(to_body(result)).encode())
    return verdict.exit_code


def _compile(
    order: BuildOrder, settings: Settings, workspace: Workspace, log: BuildLog
) -> tuple[Ended, int]:
    """How the build ended, and how many processes the kernel killed meanwhile for memory."""
    before = memory_watch.kills(settings.cgroup)
    ended = compiler.run(
        workspace,
        make_jobs=order.make_jobs,
        search_path=settings.search_path,
        timeout_seconds=order.timeout_seconds,
        output=log.feed,
    )
    return ended, memory_watch.kills(settings.cgroup) - before


def _prepare(
    order: BuildOrder, settings: Settings, workspace: Workspace, watch: Stopwatch
) -> dict[str, Any]:
    """Fetch and unpack; returns the keymap document, which then lies where qmk reads it."""
    workspace.make()
    inputs = fetch.start(order, workspace.downloads)
    for layer in inputs.layers:
        archive = layer.result()
        watch.lap("fetch")
        tree.unpack(
            archive,
            workspace.tree,
            search_path=settings.search_path,
            timeout_seconds=order.fetch_seconds,
        )
        watch.lap("unpack")
    path = inputs.request.result()
    request = _request(path, order)
    path.replace(workspace.keymap)
    watch.lap("fetch")
    return request


def _request(path: Path, order: BuildOrder) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
        named = (document["keyboard"], document["keymap"])
        if named == (order.keyboard, order.keymap_name) and isinstance(document["layers"], list):
            return dict(document)
    except (ValueError, KeyError, TypeError):
        pass
    raise InfrastructureError(
        ExitCode.BAD_ORDER, "The stored request is not the one that the order means."
    )


def _leave_firmware(shared: Path, outputs: Outputs, reason: Reason) -> Firmware | None:
    """The firmware, if it is one: a build that fails at its size check has made a file, too."""
    if outputs.firmware is None or reason is not Reason.COMPLETED:
        return None
    data = outputs.firmware.data
    regular_file.replace(shared / artifacts.FIRMWARE, data)
    return Firmware(outputs.firmware.extension, len(data), hashlib.sha256(data).hexdigest())


def _leave(path: Path, data: bytes | None) -> Artifact | None:
    if data is None:
        return None
    regular_file.replace(path, data)
    return Artifact(len(data), hashlib.sha256(data).hexdigest())
