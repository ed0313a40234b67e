"""Objects in S3: read with boto3 in a few threads, with deadlines."""

import asyncio
import functools
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from qmk_api.ports import StorageUnavailable
from qmk_api.settings import StorageSettings

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

T = TypeVar("T")
THREADS = 16
#: Objects that are open for reading beside the calls of all threads, before a connection of theirs
#: is closed instead of kept.
OPEN_OBJECTS = 64
CONNECT_SECONDS = 2
READ_SECONDS = 5
#: Seconds for a call in all, the wait for a free thread and one retry included.
CALL_SECONDS = 8.0
CHUNK_BYTES = 256 * 1024
_NOT_THERE = frozenset({"NoSuchKey", "404"})


class S3Artifacts:
    """The objects of one bucket."""

    def __init__(self, s3: "S3Client", bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._threads = ThreadPoolExecutor(THREADS, "s3")

    async def read(self, key: str, bytes_max: int) -> bytes | None:
        return await _call(self._threads, self._read, key, bytes_max)

    async def open(self, key: str, part: tuple[int, int] | None = None) -> "S3Object | None":
        answer = await _call(self._threads, self._get, key, part)
        return None if answer is None else S3Object(self._threads, answer)

    async def list(self, prefix: str) -> dict[str, str]:
        return await _call(self._threads, self._list, prefix)

    async def write(self, key: str, content: bytes, content_type: str) -> None:
        await _call(self._threads, self._put, key, content, content_type)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._s3.close()

    def _read(self, key: str, bytes_max: int) -> bytes | None:
        answer = self._get(key)
        if answer is None:
            return None
        with answer["Body"] as body:
            return bytes(body.read(bytes_max))

    def _list(self, prefix: str) -> dict[str, str]:
        pages = self._s3.get_paginator("list_objects_v2")
        return {
            item["Key"]: item["ETag"].strip('"')
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix)
            for item in page.get("Contents", ())
        }

    def _put(self, key: str, content: bytes, content_type: str) -> None:
        self._s3.put_object(Bucket=self._bucket, Key=key, Body=content, ContentType=content_type)

    def _get(self, key: str, part: tuple[int, int] | None = None) -> Any:
        options: Any = {} if part is None else {"Range": f"bytes={part[0]}-{part[1]}"}
        try:
            return self._s3.get_object(Bucket=self._bucket, Key=key, **options)
        except ClientError as error:
            if error.response["Error"]["Code"] in _NOT_THERE:
                return None
            raise


class S3Object:
    """An open object; holds a connection until it is read to its end or closed."""

    def __init__(self, threads: ThreadPoolExecutor, answer: Any) -> None:
        self.size: int = answer["ContentLength"]
        self.whole = int(answer.get("ContentRange", f"/{self.size}").rpartition("/")[2])
        self.etag: str | None = answer["ETag"].strip('"') or None
        self._threads = threads
        self._body: StreamingBody = answer["Body"]

    async def chunks(self) -> AsyncIterator[bytes]:
        while chunk := await _call(self._threads, self._body.read, CHUNK_BYTES):
            yield chunk

    def close(self) -> None:
        # Closing waits for a read that is under way, and so must not happen on the event loop.
        try:
            self._threads.submit(self._body.close)
        except RuntimeError:  # the process ends, and its threads have
            self._body.close()


def connect(settings: StorageSettings) -> "S3Client":
    """A client for reading; makes no request yet."""
    return boto3.session.Session().client(
        "s3",
        endpoint_url=settings.endpoint_url,
        region_name=settings.region,
        aws_access_key_id=settings.access_key,
        aws_secret_access_key=settings.secret_key,
        config=Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": 2},
            max_pool_connections=THREADS + OPEN_OBJECTS,
            s3={"addressing_style": "path"},
        ),
    )


async def _call(threads: ThreadPoolExecutor, function: Callable[..., T], *args: Any) -> T:
    call = functools.partial(function, *args)
    try:
        async with asyncio.timeout(CALL_SECONDS):
            return await asyncio.get_running_loop().run_in_executor(threads, call)
    except (BotoCoreError, ClientError, ResponseParserError, HTTPError, OSError) as error:
        raise StorageUnavailable from error
