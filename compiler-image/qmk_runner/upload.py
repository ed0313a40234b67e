"""Stores what ``build`` left, once it has ended: the result last, and only if all of it is true.

A stranger's code could write to the shared folder: whatever is read there is read once, into
memory, never through a link, and compared with what the result says.
"""

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from qmk_contract import artifacts
from qmk_contract.codec import BodyError, from_body, to_body
from qmk_contract.exit_codes import ExitCode
from qmk_contract.phases import CACHEABLE_REASONS, Reason
from qmk_contract.result import Artifact, BuildResult, Firmware, Step
from qmk_contract.work_order import UploadOrder
from qmk_runner import record_upload, regular_file, transfer
from qmk_runner.errors import InfrastructureError
from qmk_runner.regular_file import NotRegularError
from qmk_runner.transfer import TransferError

SIZES_MAX = {
    artifacts.FIRMWARE: 16 << 20,
    artifacts.LOG: 65 << 20,
    artifacts.KEYMAP_C: 4 << 20,
    artifacts.RESULT: 256 << 10,
}


#: Of the seconds that are left, what the keyboard's record may take: the build comes first.
_RECORD_SHARE = 0.5


@dataclass(frozen=True)
class FinishedBuild:
    """What a build left, checked: its result, and the other objects by name."""

    result: BuildResult
    objects: Mapping[str, bytes]


def run(order: UploadOrder, shared: Path, note: Callable[[str], None]) -> ExitCode:
    """Upload everything of a finished build; of a failed one, its log.

    ``note`` takes sentences about what is no failure of the build.

    Raises:
        InfrastructureError: there is no result that may be stored, or storage did not take it.
    """
    begun = time.monotonic()
    deadline = begun + order.upload_seconds
    try:
        build = finished_build(shared, order.key)
    except InfrastructureError:
        _put_failed_log(order, shared, deadline)
        raise
    with ThreadPoolExecutor(len(build.objects)) as pool:
        puts = [
            pool.submit(_put, order, name, data, deadline) for name, data in build.objects.items()
        ]
    for put in puts:
        put.result()
    if artifacts.RECORD in order.targets and build.result.succeeded:
        note(_store_record(order, shared, build.result.keyboard, deadline))
    times = {**build.result.times, Step.UPLOAD: round(1000 * (time.monotonic() - begun))}
    result = dataclasses.replace(build.result, times=times)
    _put(order, artifacts.RESULT, json.dumps(to_body(result)).encode(), deadline)
    return ExitCode.OK


def finished_build(shared: Path, key: str) -> FinishedBuild:
    """The objects of a build, as its result describes them.

    Raises:
        InfrastructureError: there is no result, or the files are not what it says.
    """
    data = _read(shared, artifacts.RESULT)
    try:
        result = from_body(BuildResult, json.loads(data))
    except (BodyError, ValueError, RecursionError) as error:
        raise _no_result("is not readable") from error
    if result.key != key or result.reason not in CACHEABLE_REASONS:
        raise _no_result("is not one of this build")
    if (result.reason is Reason.COMPLETED) != (result.firmware is not None):
        raise _no_result("says success without a firmware, or failure with one")
    objects: dict[str, bytes] = {}
    for name, artifact in _artifacts(result).items():
        objects[name] = content = _read(shared, name)
        if (len(content), hashlib.sha256(content).hexdigest()) != (artifact.size, artifact.sha256):
            raise _no_result(f"describes another {name}")
    return FinishedBuild(result, objects)


def _artifacts(result: BuildResult) -> Mapping[str, Artifact | Firmware]:
    named = {
        artifacts.LOG: result.log,
        artifacts.FIRMWARE: result.firmware,
        artifacts.KEYMAP_C: result.keymap_c,
    }
    return {name: artifact for name, artifact in named.items() if artifact is not None}


def _store_record(order: UploadOrder, shared: Path, keyboard: str, deadline: float) -> str:
    now = time.monotonic()
    until = now + _RECORD_SHARE * (deadline - now)
    return record_upload.store(shared, keyboard, lambda name, data: _put(order, name, data, until))


def _put(order: UploadOrder, name: str, data: bytes, deadline: float) -> None:
    url = order.targets.get(name)
    if url is None:
        raise InfrastructureError(ExitCode.BAD_ORDER, f"The order has no target for {name}.")
    content_type = artifacts.CONTENT_TYPES[name]
    try:
        transfer.retry(
            lambda: transfer.put(url, data, content_type=content_type, deadline=deadline),
            deadline=deadline,
        )
    except TransferError as error:
        raise InfrastructureError(
            ExitCode.UPLOAD_FAILED, f"Cannot store {name}: {error}."
        ) from error


def _put_failed_log(order: UploadOrder, shared: Path, deadline: float) -> None:
    """Without a result the log is all that can help; not to have it is no further failure."""
    try:
        _put(order, artifacts.FAILED_LOG, _read(shared, artifacts.LOG), deadline)
    except InfrastructureError:
        return


def _read(shared: Path, name: str) -> bytes:
    try:
        return regular_file.read(shared / name, size_max=SIZES_MAX[name])
    except FileNotFoundError as error:
        raise InfrastructureError(
            ExitCode.NO_RESULT, f"The build ended and left no {name}."
        ) from error
    except NotRegularError as error:
        raise _no_result(f"cannot be trusted: {error}") from error


def _no_result(why: str) -> InfrastructureError:
    return InfrastructureError(ExitCode.NO_RESULT, f"The build's result {why}.")
