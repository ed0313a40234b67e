"""The record of a keyboard on its way to storage: after all of its build, before the result."""

import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from qmk_contract import artifacts
from qmk_contract.codec import from_body, to_body
from qmk_contract.exit_codes import ExitCode
from qmk_contract.phases import Reason
from qmk_contract.record_pointer import RecordPointer
from qmk_contract.result import Artifact, BuildResult, Firmware
from qmk_contract.work_order import UploadOrder
from qmk_runner import record_upload, upload
from qmk_runner.errors import InfrastructureError
from tests.build_pod import COMMIT, KEY, upload_order
from tests.http_storage import HttpStorage, http_storage

KEYBOARD, DIGEST = "demo/pad", "a" * 64
RECORD = b"all that can be used again" * 40
RECORD_KEY = artifacts.keyboard_record(DIGEST, KEYBOARD)
POINTER_KEY = artifacts.record_pointer(DIGEST, KEYBOARD)
RESULT_KEY = artifacts.build(KEY, artifacts.RESULT)


@pytest.fixture
def storage() -> Iterator[HttpStorage]:
    with http_storage() as running:
        yield running


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """What a recording build leaves that went well."""
    leave_result(tmp_path, Reason.COMPLETED)
    record_upload.leave(tmp_path, RECORD, digest=DIGEST, keyboard=KEYBOARD)
    return tmp_path


def leave_result(shared: Path, reason: Reason) -> None:
    log, firmware = b"said\n", b":00000001FF\n"
    (shared / artifacts.LOG).write_bytes(log)
    (shared / artifacts.FIRMWARE).write_bytes(firmware)
    moment = datetime(2026, 1, 2, tzinfo=UTC)
    made = Firmware("hex", len(firmware), hashlib.sha256(firmware).hexdigest())
    result = BuildResult(
        key=KEY,
        keyboard=KEYBOARD,
        firmware_commit=COMMIT,
        toolchain_digest="sha256:" + "d" * 64,
        reason=reason,
        message="",
        returncode=0,
        command=("qmk",),
        started=moment,
        finished=moment,
        log=Artifact(len(log), hashlib.sha256(log).hexdigest()),
        firmware=made if reason is Reason.COMPLETED else None,
        times={"compile": 7},
    )
    (shared / artifacts.RESULT).write_text(json.dumps(to_body(result)))


def order(storage: HttpStorage, seconds: int = 10) -> UploadOrder:
    made = upload_order(storage.url_of, upload_seconds=seconds)
    targets = {
        artifacts.RECORD: storage.url_of(RECORD_KEY),
        artifacts.RECORD_POINTER: storage.url_of(POINTER_KEY),
    }
    return UploadOrder(KEY, {**made.targets, **targets}, made.build_seconds, seconds)


def run(storage: HttpStorage, shared: Path, seconds: int = 10) -> str:
    notes: list[str] = []
    assert upload.run(order(storage, seconds), shared, notes.append) == ExitCode.OK
    return " ".join(notes)


def test_the_pointer_follows_its_record_and_the_result_both(
    storage: HttpStorage, shared: Path
) -> None:
    assert "is stored" in run(storage, shared)
    assert storage.stored[-3:] == [RECORD_KEY, POINTER_KEY, RESULT_KEY]
    pointer = from_body(RecordPointer, json.loads(storage.objects[POINTER_KEY]))
    assert storage.objects[RECORD_KEY] == RECORD
    assert (pointer.digest, pointer.keyboard) == (DIGEST, KEYBOARD)
    assert (pointer.size, pointer.sha256) == (len(RECORD), hashlib.sha256(RECORD).hexdigest())
    assert storage.types[RECORD_KEY] == artifacts.ZSTD
    assert storage.types[POINTER_KEY] == artifacts.JSON


def test_the_stored_result_says_how_long_the_uploads_took(
    storage: HttpStorage, shared: Path
) -> None:
    run(storage, shared)
    result = from_body(BuildResult, json.loads(storage.objects[RESULT_KEY]))
    assert result.times["compile"] == 7
    assert 0 <= result.times["upload"] < 10_000


@pytest.mark.parametrize("fault", ["absent", "link", "other bytes", "no pointer", "foreign"])
def test_a_record_that_cannot_be_trusted_is_left_out(
    storage: HttpStorage, shared: Path, fault: str
) -> None:
    record, pointer = shared / artifacts.RECORD, shared / artifacts.RECORD_POINTER
    match fault:
        case "absent":
            record.unlink()
        case "link":
            record.rename(shared / "elsewhere")
            record.symlink_to(shared / "elsewhere")
        case "other bytes":
            record.write_bytes(RECORD[::-1])
        case "no pointer":
            pointer.write_text("[]")
        case "foreign":
            record_upload.leave(shared, RECORD, digest=DIGEST, keyboard="demo/other")
    assert "record" in run(storage, shared)
    assert RECORD_KEY not in storage.objects
    assert POINTER_KEY not in storage.objects
    assert RESULT_KEY in storage.objects


@pytest.mark.parametrize("refused", [RECORD_KEY, POINTER_KEY])
def test_storage_that_takes_no_record_still_gets_the_build(
    storage: HttpStorage, shared: Path, refused: str
) -> None:
    storage.statuses[refused] = [503] * 100
    assert "not stored" in run(storage, shared, seconds=2)
    assert POINTER_KEY not in storage.objects
    assert RESULT_KEY in storage.objects


def test_a_build_that_failed_leaves_no_record(storage: HttpStorage, shared: Path) -> None:
    leave_result(shared, Reason.COMPILE_ERROR)
    assert run(storage, shared) == ""
    assert not {RECORD_KEY, POINTER_KEY} & storage.objects.keys()


def test_without_the_build_there_is_no_record(storage: HttpStorage, shared: Path) -> None:
    storage.statuses[artifacts.build(KEY, artifacts.FIRMWARE)] = [503] * 100
    with pytest.raises(InfrastructureError):
        run(storage, shared, seconds=1)
    assert not {RECORD_KEY, POINTER_KEY, RESULT_KEY} & storage.objects.keys()
