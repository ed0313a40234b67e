"""The only calls to S3: requests and results of builds, URLs for the pods, published documents."""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, TypeVar

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, IncompleteReadError

from qmk_contract import artifacts
from qmk_contract.codec import from_body
from qmk_contract.result import BuildResult
from qmk_operator.results import StoredResult
from qmk_operator.settings import StorageSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

logger = logging.getLogger(__name__)

T = TypeVar("T")

_CONNECT_SECONDS = 2
_READ_SECONDS = 5
# A missing bucket is none of these: that is a fault of the installation, not of a request.
_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})


class StorageUnavailableError(Exception):
    """S3 does not answer, refuses us, or holds something unreadable: try again later."""


def s3_client(settings: StorageSettings, connections: int) -> "S3Client":
    """A client with short time-outs: the caller's back-off is what waits for storage."""
    return boto3.client(
        "s3",
        endpoint_url=settings.endpoint_url,
        region_name=settings.region,
        aws_access_key_id=settings.access_key,
        aws_secret_access_key=settings.secret_key,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": 2},
            max_pool_connections=connections,
            # Other S3 servers than Amazon's need not know the newer checksum trailers, and a
            # presigned URL must not ask the uploader for one.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


class Storage:
    """S3 through one client, in the given threads.

    All methods but ``presign_*`` raise StorageUnavailableError.
    """

    def __init__(self, client: "S3Client", bucket: str, threads: Executor) -> None:
        self._client = client
        self._bucket = bucket
        self._threads = threads

    async def read_result(self, key: str) -> StoredResult | None:
        """The result of a build, and the size of the firmware that really lies beside it.

        A result that cannot be read is none: the next build writes it anew.
        """
        data = await self._call(self._read, artifacts.build(key, artifacts.RESULT))
        if data is None:
            return None
        try:
            result = from_body(BuildResult, json.loads(data))
        except (ValueError, RecursionError) as error:
            logger.warning("The result of build %s is unreadable: %s", key, error)
            return None
        size = None
        if result.firmware is not None:
            size = await self._call(self._size, artifacts.build(key, artifacts.FIRMWARE))
        return StoredResult(result, size)

    async def write_request(self, key: str, document: bytes) -> None:
        """Store the keymap document that the build will fetch."""
        await self._call(self._write, artifacts.build(key, artifacts.REQUEST), document)

    def presign_get(self, object_key: str, seconds: int) -> str:
        """A URL that reads one object for so many seconds; made without a call to S3."""
        parameters = {"Bucket": self._bucket, "Key": object_key}
        return self._client.generate_presigned_url("get_object", parameters, ExpiresIn=seconds)

    def presign_put(self, object_key: str, content_type: str, seconds: int) -> str:
        """A URL that writes one object of that content type for so many seconds."""
        parameters = {"Bucket": self._bucket, "Key": object_key, "ContentType": content_type}
        return self._client.generate_presigned_url("put_object", parameters, ExpiresIn=seconds)

    async def read(self, object_key: str, size_max: int) -> bytes | None:
        """An object's first ``size_max`` bytes; None if there is no such object."""
        return await self._call(self._read, object_key, size_max)

    async def read_json(self, object_key: str) -> Mapping[str, Any] | None:
        """A published JSON object; None if there is no such object."""
        data = await self._call(self._read, object_key)
        if data is None:
            return None
        try:
            document = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise StorageUnavailableError(f"{object_key} is not JSON: {error}") from error
        if not isinstance(document, dict):
            raise StorageUnavailableError(f"{object_key} is not a JSON object")
        return document

    async def _call(self, function: Callable[..., T], *arguments: object) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, function, *arguments)
        except (BotoCoreError, ClientError) as error:
            raise StorageUnavailableError(str(error)) from error

    def _read(self, object_key: str, size_max: int | None = None) -> bytes | None:
        try:
            reply = self._client.get_object(Bucket=self._bucket, Key=object_key)
        except ClientError as error:
            if _code(error) in _MISSING:
                return None
            raise
        data = reply["Body"].read(size_max)
        # botocore itself notices only where all of a body is read.
        expected = min(reply["ContentLength"], len(data) if size_max is None else size_max)
        if len(data) < expected:
            raise IncompleteReadError(actual_bytes=len(data), expected_bytes=expected)
        return data

    def _size(self, object_key: str) -> int | None:
        try:
            return self._client.head_object(Bucket=self._bucket, Key=object_key)["ContentLength"]
        except ClientError as error:
            if _code(error) in _MISSING:
                return None
            raise

    def _write(self, object_key: str, data: bytes) -> None:
        self._client.put_object(
            Bucket=self._bucket, Key=object_key, Body=data, ContentType=artifacts.JSON
        )


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
