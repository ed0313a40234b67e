"""Statuses of more keyboards than one page of S3's list holds."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from qmk_api.adapters.artifacts import S3Artifacts
from qmk_api.ports import StorageUnavailable
from qmk_api.service.build_status import BuildLogs, BuildStatus
from qmk_contract import artifacts
from qmk_contract.codec import to_body
from qmk_contract.keyboard_status import KeyboardStatus
from tests.integration.s3_server import BUCKET, S3Server

KEYBOARDS = [f"maker/board{number:04}" for number in range(1100)]
STATUS = KeyboardStatus(True, False, 1_795_507_200, "Compiling: ä\n" * 50)


@pytest.fixture(autouse=True)
def no_statuses_left(s3_server: S3Server) -> Iterator[None]:
    """Every test shares the bucket, and the API tells all statuses that are in it."""
    yield
    s3 = s3_server.client()
    for keyboard in KEYBOARDS:
        s3.delete_object(Bucket=BUCKET, Key=artifacts.keyboard_status(keyboard))


async def put(stored: S3Artifacts, keyboard: str, status: KeyboardStatus) -> None:
    content = json.dumps(to_body(status)).encode()
    await stored.write(artifacts.keyboard_status(keyboard), content, artifacts.JSON)


async def test_all_are_followed_through_changes_and_outages(
    stored: S3Artifacts, s3_server: S3Server
) -> None:
    for keyboard in KEYBOARDS:
        await put(stored, keyboard, STATUS)
    followed = BuildStatus(stored)
    statuses = await followed.refresh()
    assert list(statuses.entries) == KEYBOARDS
    logs = BuildLogs(statuses.entries)
    content = b"".join([chunk async for chunk in logs.chunks()])
    assert len(content) == logs.size
    assert json.loads(content)[KEYBOARDS[-1]] == to_body(STATUS)
    assert await followed.refresh() is statuses

    await put(stored, KEYBOARDS[5], replace(STATUS, works=False))
    changed = await followed.refresh()
    differing = [name for name in KEYBOARDS if changed.entries[name] != statuses.entries[name]]
    assert differing == [KEYBOARDS[5]]

    s3_server.stop()
    try:
        with pytest.raises(StorageUnavailable):
            await followed.refresh()
        assert await followed.get() is changed
    finally:
        s3_server.start()
    assert await followed.refresh() is changed
