"""What a poll of a job says. Pure: a state and addresses in, the reply's JSON object out.

The words and shapes are those that clients of the predecessor read: a failed build is finished
too, ``failed`` is for the service's own faults, ``result.output`` is always text, and URLs are
arrays that only hold what exists.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

from qmk_api.compiling.file_names import firmware_file_name, keymap_file_name, source_file_name
from qmk_api.compiling.states import Ended, Open, State, StoredBuild
from qmk_contract.build_key import JobId
from qmk_contract.codec import to_body
from qmk_contract.keymap import DEFAULT_NAME
from qmk_contract.phases import Phase, Reason

#: The predecessor's return codes for a firmware file that is missing after a build that went
#: well, and for an end that is not the compiler's.
NO_FIRMWARE = -4
NO_COMPILER = -3
#: What the result and, for clients that look there, the reply itself has.
_FILES = ("firmware_binary_url", "firmware_keymap_url", "firmware_source_url")
#: What builds are ended for that take more than they may, on whatever node.
_BOUNDS = frozenset({Reason.TIME_LIMIT_EXCEEDED, Reason.RESOURCE_LIMIT_EXCEEDED})
_OWN_FAULT = "The service could not finish this build. Nothing needs to be wrong with the keymap"


def job_reply(job_id: JobId, state: State, base_url: str) -> dict[str, Any]:
    """The reply to ``GET /v1/compile/<job_id>``; ``base_url`` is our own, without an end slash."""
    if isinstance(state, Open):
        return _open_reply(job_id, state)
    if isinstance(state, Ended):
        return _ended_reply(job_id, state, base_url)
    return _stored_reply(job_id, state, base_url)


def no_such_job() -> dict[str, Any]:
    """What is told of a job that does not exist, or no longer."""
    return {"code": 404, "message": "Compile job not found", "status": "unknown"}


def keymap_document(request: Mapping[str, Any], job_id: JobId) -> dict[str, Any]:
    """The keymap JSON of a build under the name that its user gave it."""
    return {**request, "keymap": job_id.keymap_name or DEFAULT_NAME}


def _open_reply(job_id: JobId, state: Open) -> dict[str, Any]:
    job = state.job
    running = state.phase is Phase.RUNNING
    reply: dict[str, Any] = {
        "id": str(job_id),
        "status": "running" if running else "queued",
        "is_failed": None,
        "result": None,
        "reason": job.status.reason,
        **_dates(job.created),
    }
    if not running:
        reply["queue_position"] = state.position
        reply["queue_length"] = state.queue_length
        reply["eta_seconds"] = state.eta_seconds
    return reply


def _stored_reply(job_id: JobId, build: StoredBuild, base_url: str) -> dict[str, Any]:
    result = build.result
    failed = not result.succeeded
    body = _result(job_id, result.keyboard, build.request, base_url)
    body |= {
        "returncode": (result.returncode or NO_FIRMWARE) if failed else 0,
        "output": build.log or result.message,
        "command": list(result.command),
        "reason": result.reason,
        "message": result.message,
        "diagnostics": to_body(result.diagnostics),
        "usage": to_body(result.usage),
        "times": dict(result.times),
        "path": result.path,
        "record": result.record,
        "sandbox": list(result.sandbox),
        "firmware_commit": result.firmware_commit,
    }
    if result.keymap_c is not None:
        body["keymap_c_url"] = [f"{base_url}/v1/compile/{job_id}/keymap.c"]
    if failed:
        body["cmd"] = body["command"]
    elif result.firmware is not None:
        firmware = result.firmware
        name = job_id.keymap_name or DEFAULT_NAME
        body |= {
            "firmware_filename": firmware_file_name(result.keyboard, name, firmware.extension),
            "firmware_binary_url": [f"{base_url}/v1/compile/{job_id}/download"],
            "sha256": firmware.sha256,
            "size": firmware.size,
        }
    return _finished(job_id, "finished", failed, body, result.started)


def _ended_reply(job_id: JobId, state: Ended, base_url: str) -> dict[str, Any]:
    job = state.job
    status = "failed" if own_fault(state) else "finished"
    body = _result(job_id, job.spec.keyboard, state.request, base_url)
    message = explanation(state)
    body |= {
        "returncode": NO_COMPILER,
        "output": f"{state.log.rstrip()}\n\n{message}\n".lstrip(),
        "command": [],
        "cmd": [],
        "reason": Reason.ARTIFACT_MISSING
        if job.status.phase is Phase.SUCCEEDED
        else job.status.reason,
        "message": message,
        "diagnostics": to_body(job.status.diagnostics),
        "usage": to_body(job.status.usage),
        "times": dict(job.status.times),
        "firmware_commit": job.status.firmware_commit or job.spec.firmware_commit,
    }
    return _finished(job_id, status, True, body, job.created)


def own_fault(state: Ended) -> bool:
    """Whether the service is to blame for a job that ended without a stored result."""
    status = state.job.status
    if status.phase in (Phase.TIMED_OUT, Phase.CANCELLED):
        return False
    if status.phase is Phase.FAILED and status.reason in _BOUNDS:
        return False
    return status.phase is Phase.SUCCEEDED or status.reason is None or not status.reason.users_fault


def explanation(state: Ended) -> str:
    """One or two sentences about such an end, for the user to read."""
    status = state.job.status
    if status.phase is Phase.SUCCEEDED:
        return "The result of this build is no longer stored. Compile the keymap again to get it."
    if status.phase is Phase.TIMED_OUT:
        limit = state.job.spec.timeout_seconds
        return status.message or f"The build was ended after its time limit of {limit} seconds."
    if status.phase is Phase.CANCELLED:
        return status.message or "The build was cancelled."
    if own_fault(state):
        why = f"{status.reason or 'unknown reason'}: {status.message or 'no details'}"
        return f"{_OWN_FAULT} ({why}). Trying again may help."
    return status.message or f"The keymap cannot be built: {status.reason}."


def _result(
    job_id: JobId, keyboard: str, request: Mapping[str, Any], base_url: str
) -> dict[str, Any]:
    """What the result of every end has."""
    name = job_id.keymap_name or DEFAULT_NAME
    address = f"{base_url}/v1/compile/{job_id}"
    return {
        "id": str(job_id),
        "keyboard": keyboard,
        "keymap": name,
        "layout": request.get("layout"),
        "firmware": None,
        "firmware_filename": "",
        "keymap_archive": keymap_file_name(keyboard, name),
        "keymap_json": json.dumps(keymap_document(request, job_id)) if request else None,
        "source_archive": source_file_name(keyboard, name),
        "firmware_keymap_url": [f"{address}/keymap"],
        "firmware_source_url": [f"{address}/source"],
        "log_url": [f"{address}/log"],
        "public_firmware": False,
    }


def _finished(
    job_id: JobId, status: str, failed: bool, result: dict[str, Any], created: datetime
) -> dict[str, Any]:
    return {
        "id": str(job_id),
        "status": status,
        "is_failed": failed,
        "result": result,
        **{name: result[name] for name in _FILES if name in result},
        **_dates(created),
    }


def _dates(created: datetime) -> dict[str, str]:
    text = format_datetime(created.astimezone(UTC), usegmt=True)
    return {"created_at": text, "enqueued_at": text}
