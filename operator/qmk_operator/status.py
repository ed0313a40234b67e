"""The status of a CompileJob: how it changes, how it is told, how small it stays."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from qmk_contract.codec import to_body
from qmk_contract.compile_job import (
    MESSAGE_LENGTH_MAX,
    Attempts,
    CompileJob,
    CompileJobStatus,
    Condition,
    Timestamps,
)
from qmk_contract.phases import ConditionType, Phase, Reason
from qmk_contract.result import DIAGNOSTICS_MAX, Diagnostic, Usage

STATUS_BYTES_MAX = 4096
# The lengths that the CustomResourceDefinition allows.
_DIAGNOSTIC_MESSAGE_MAX = 512
_DIAGNOSTIC_FILE_MAX = 255
_CONDITION_MESSAGE_MAX = 256
_KEYCODE_MAX = 256
#: The largest number that every reader of a status takes.
INT32_MAX = 2**31 - 1


def on_the_way(
    job: CompileJob, phase: Phase, reason: Reason, message: str, now: datetime, **changes: Any
) -> CompileJobStatus:
    """The status of a job that has not ended. ``changes`` are further fields of the status."""
    return _status(job, phase, reason, message, now, changes)


def finished(
    job: CompileJob, phase: Phase, reason: Reason, message: str, now: datetime, **changes: Any
) -> CompileJobStatus:
    """The status of a job that ends now."""
    timestamps = changes.pop("timestamps", job.status.timestamps)
    queued = timestamps.queued or job.created
    begun = timestamps.started or queued
    changes |= {
        "timestamps": Timestamps(queued, timestamps.started, now),
        "duration_seconds": max(0, round((now - begun).total_seconds())),
    }
    return fit(_status(job, phase, reason, message, now, changes))


def restarted(job: CompileJob, now: datetime) -> CompileJobStatus:
    """The status of a job whose next run begins: what it builds stays, how that ended goes."""
    return CompileJobStatus(
        phase=Phase.PENDING,
        observed_generation=job.generation,
        build_key=job.status.build_key,
        firmware_commit=job.status.firmware_commit,
        rerun=job.spec.rerun,
        attempts=Attempts(),
        timestamps=Timestamps(queued=now),
    )


def fit(status: CompileJobStatus) -> CompileJobStatus:
    """Bring a status within its bounds: all of what is cut is in the build's result."""
    diagnostics = tuple(_short(item) for item in status.diagnostics[:DIAGNOSTICS_MAX])
    status = replace(status, diagnostics=diagnostics, usage=_possible(status.usage))
    while diagnostics and _size(to_body(status)) > STATUS_BYTES_MAX:
        diagnostics = diagnostics[:-1]
        status = replace(status, diagnostics=diagnostics)
    return status


def merge_patch(old: Any, new: Any) -> dict[str, Any]:
    """The JSON merge patch (RFC 7386) between two objects; empty if they are equal."""
    patch: dict[str, Any] = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            if inner := merge_patch(before, value):
                patch[key] = inner
        elif value != before:
            patch[key] = value
    return patch


def _status(
    job: CompileJob,
    phase: Phase,
    reason: Reason,
    message: str,
    now: datetime,
    changes: Mapping[str, Any],
) -> CompileJobStatus:
    status = replace(
        job.status,
        phase=phase,
        reason=reason,
        message=_cut(message, MESSAGE_LENGTH_MAX),
        observed_generation=job.generation,
        **changes,
    )
    if status.timestamps.queued is None:
        queued = replace(status.timestamps, queued=job.created)
        status = replace(status, timestamps=queued)
    return replace(status, conditions=_conditions(job, status, now))


def _conditions(job: CompileJob, status: CompileJobStatus, now: datetime) -> tuple[Condition, ...]:
    wanted: list[tuple[ConditionType, bool]] = []
    reason = status.reason
    if status.build_key is not None:
        wanted.append((ConditionType.ACCEPTED, True))
    elif status.phase is Phase.FAILED:
        wanted.append((ConditionType.ACCEPTED, False))
    if status.job_name is not None:
        wanted.append((ConditionType.ADMITTED, True))
    elif status.phase is Phase.QUEUED:
        wanted.append((ConditionType.ADMITTED, False))
    if status.phase.final:
        wanted.append((ConditionType.SUCCEEDED, status.phase is Phase.SUCCEEDED))
    texts = {
        (ConditionType.ACCEPTED, True): ("RequestValid", "the request can be built"),
        (ConditionType.ADMITTED, True): ("JobCreated", "a Job runs the build"),
    }
    told = (str(reason), _cut(status.message or "", _CONDITION_MESSAGE_MAX))
    return tuple(
        _condition(job, kind, truth, texts.get((kind, truth), told), now) for kind, truth in wanted
    )


def _condition(
    job: CompileJob, kind: ConditionType, truth: bool, text: tuple[str, str], now: datetime
) -> Condition:
    before = job.status.condition(kind)
    status = str(truth)
    unchanged = before is not None and before.status == status
    since = before.last_transition_time if before is not None and unchanged else now
    return Condition(kind, status, text[0], text[1], since, job.generation)


def _cut(text: str, length: int) -> str:
    """The beginning of a text, at most so many bytes of UTF-8, control characters as blanks."""
    text = re.sub(r"[\x00-\x1f\x7f]", " ", text)
    return text.encode("utf-8", "replace")[:length].decode("utf-8", "ignore")


def _size(value: Any) -> int:
    """Bytes of a value as JSON."""
    return len(json.dumps(value, ensure_ascii=False).encode())


def minimal(status: CompileJobStatus) -> CompileJobStatus:
    """A status that the API server cannot refuse for what a build said."""
    message = "the details are in the build's log"
    conditions = tuple(replace(item, message=item.reason) for item in status.conditions)
    return replace(
        status, message=message, diagnostics=(), usage=None, times={}, conditions=conditions
    )


def _possible(usage: Usage | None) -> Usage | None:
    """Usage figures as the build told them, unless they are no sizes."""
    parts = () if usage is None else (usage.flash, usage.ram)
    sizes = [size for part in parts if part for size in (part.used, part.limit) if size is not None]
    return usage if all(0 <= size <= INT32_MAX for size in sizes) else None


def _number(value: int | None) -> int | None:
    return value if value is not None and 0 <= value <= INT32_MAX else None


def _short(item: Diagnostic) -> Diagnostic:
    return replace(
        item,
        line=_number(item.line),
        column=_number(item.column),
        layer=_number(item.layer),
        key=_number(item.key),
        keycode=None if item.keycode is None else _cut(item.keycode, _KEYCODE_MAX),
        severity=_cut(item.severity, 16),
        message=_cut(item.message, _DIAGNOSTIC_MESSAGE_MAX),
        file=None
        if item.file is None
        else _cut(item.file[-_DIAGNOSTIC_FILE_MAX:], _DIAGNOSTIC_FILE_MAX),
    )
