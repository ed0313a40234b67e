"""What a result.json says about a CompileJob: how it ended, or that it is no such result."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from qmk_contract.artifacts import firmware_file_name
from qmk_contract.compile_job import CompileJob, CompileJobStatus, FirmwareStatus
from qmk_contract.keymap import sanitise_name
from qmk_contract.phases import CACHEABLE_REASONS, Phase, Reason
from qmk_contract.result import BuildResult, Step
from qmk_operator.status import INT32_MAX, finished

#: SHA-256 and file name extension, as the status and the download take them.
_FIRMWARE_NAME = re.compile(r"[0-9a-f]{64}\.[a-z0-9]{1,8}")


@dataclass(frozen=True)
class StoredResult:
    """A result, and the size in bytes of the firmware object beside it (None: there is none)."""

    result: BuildResult
    firmware_size: int | None


def fault(stored: StoredResult, key: str, toolchain_digest: str | None) -> str | None:
    """What keeps a result from being the one of that build; None if nothing does."""
    result = stored.result
    if result.key != key:
        return f"the stored result is of build {result.key[:26]}"
    if toolchain_digest is not None and result.toolchain_digest != toolchain_digest:
        return "the stored result is of another toolchain"
    if result.reason not in CACHEABLE_REASONS:
        return f"the stored result says {result.reason}, which is no result of a build"
    if result.reason is Reason.COMPLETED:
        if result.firmware is None:
            return "the build says that it succeeded, but made no firmware"
        if result.firmware.size != stored.firmware_size:
            return "the firmware in storage is not the one that the result names"
        name = f"{result.firmware.sha256}.{result.firmware.extension}"
        if _FIRMWARE_NAME.fullmatch(name) is None:
            return "the stored result names its firmware in no known way"
    return None


def ended(
    job: CompileJob, stored: StoredResult, now: datetime, *, cached: bool, **changes: Any
) -> CompileJobStatus:
    """The final status that a faultless result gives a job."""
    result = stored.result
    if not cached:
        changes |= {"path": result.path, "record": result.record, "times": _times(result)}
    if result.firmware is None or not result.succeeded:
        return finished(
            job,
            Phase.FAILED,
            result.reason,
            result.message,
            now,
            cached=cached,
            usage=result.usage,
            diagnostics=result.diagnostics,
            **changes,
        )
    name = firmware_file_name(
        result.keyboard, sanitise_name(job.spec.keymap_name), result.firmware.extension
    )
    return finished(
        job,
        Phase.SUCCEEDED,
        Reason.CACHED if cached else Reason.COMPLETED,
        "the same build was there already" if cached else "the firmware is ready",
        now,
        cached=cached,
        firmware=FirmwareStatus(name, result.firmware.size, result.firmware.sha256),
        usage=result.usage,
        diagnostics=result.diagnostics,
        **changes,
    )


def _times(result: BuildResult) -> dict[str, int]:
    """Of what the build says, the steps that are known here, with times that can be."""
    told = {step.value: result.times.get(step.value, -1) for step in Step}
    return {step: spent for step, spent in told.items() if 0 <= spent <= INT32_MAX}
