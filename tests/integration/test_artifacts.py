"""Objects over real S3, many of them open at the same time."""

import logging

import pytest

from qmk_api.adapters.artifacts import CHUNK_BYTES, OPEN_OBJECTS, THREADS, S3Artifacts
from qmk_contract import artifacts

KEY = "test/open-objects"
CONTENT = bytes(4 * CHUNK_BYTES)


async def test_connections_of_open_objects_are_kept_for_the_next(
    stored: S3Artifacts, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "urllib3.connectionpool")
    await stored.write(KEY, CONTENT, artifacts.BINARY)
    opened = [await stored.open(KEY) for _ in range(THREADS + OPEN_OBJECTS)]
    for one in opened:
        assert one is not None
        assert sum([len(chunk) async for chunk in one.chunks()]) == len(CONTENT)
        one.close()
    assert caplog.records == []
