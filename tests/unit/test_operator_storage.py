"""What the operator reads from S3: all of it, as much as was asked for, or nothing."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from qmk_operator.storage import Storage, StorageUnavailableError, s3_client
from tests.unit.operator_objects import SETTINGS

DATA = b"0123456789"


class Bucket:
    """A storage whose next reply has this body, and says that it has all of DATA."""

    def __init__(self, threads: ThreadPoolExecutor) -> None:
        client = s3_client(SETTINGS.storage, 1)
        self.stubber = Stubber(client)
        self.storage = Storage(client, "qmk", threads)

    def reply(self, body: bytes) -> None:
        stream = StreamingBody(BytesIO(body), len(DATA))
        self.stubber.add_response("get_object", {"Body": stream, "ContentLength": len(DATA)})


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    with ThreadPoolExecutor(1) as threads:
        bucket = Bucket(threads)
        with bucket.stubber:
            yield bucket


@pytest.mark.parametrize("size_max", [1, len(DATA), 100])
async def test_an_object_is_read_as_far_as_is_asked_for(bucket: Bucket, size_max: int) -> None:
    bucket.reply(DATA)
    assert await bucket.storage.read("key", size_max) == DATA[:size_max]


@pytest.mark.parametrize("size_max", [len(DATA), 100])
async def test_a_reply_that_breaks_off_says_nothing_about_an_object(
    bucket: Bucket, size_max: int
) -> None:
    bucket.reply(DATA[:-1])
    with pytest.raises(StorageUnavailableError):
        await bucket.storage.read("key", size_max)


async def test_what_breaks_off_behind_what_is_asked_for_is_no_fault(bucket: Bucket) -> None:
    bucket.reply(DATA[:5])
    assert await bucket.storage.read("key", 5) == DATA[:5]


async def test_a_document_that_breaks_off_is_none(bucket: Bucket) -> None:
    bucket.reply(DATA[:-1])
    with pytest.raises(StorageUnavailableError):
        await bucket.storage.read_json("key")
