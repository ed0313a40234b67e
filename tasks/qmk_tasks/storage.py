"""The only calls to S3: objects with their digest, put where they are not there yet."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from qmk_contract.documents import read_document
from qmk_contract.site import INDEX_BYTES_MAX
from qmk_tasks.errors import TaskError
from qmk_tasks.settings import StorageSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

#: Key of the metadata (x-amz-meta-sha256) that says what an object's content is.
DIGEST = "sha256"
_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})


def s3_client(settings: StorageSettings, connections: int) -> "S3Client":
    """A client that waits for a store that is just starting."""
    return boto3.client(
        "s3",
        endpoint_url=settings.endpoint_url,
        region_name=settings.region,
        aws_access_key_id=settings.access_key,
        aws_secret_access_key=settings.secret_key,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            connect_timeout=5,
            read_timeout=60,
            retries={"mode": "standard", "total_max_attempts": 8},
            max_pool_connections=connections,
            # Other S3 servers than Amazon's need not know the newer checksum trailers.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


class Storage:
    """One bucket. Every method raises TaskError when S3 does not do as it is asked."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def read_json(self, key: str) -> Mapping[str, Any] | None:
        """A JSON object; None where nothing is stored, or nothing that can be read."""
        try:
            body = self._client.get_object(Bucket=self._bucket, Key=key)["Body"]
            document = read_document(body.read(INDEX_BYTES_MAX + 1), INDEX_BYTES_MAX)
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return None
            raise _unavailable(key, error) from error
        except BotoCoreError as error:
            raise _unavailable(key, error) from error
        except ValueError:
            return None
        return document if isinstance(document, Mapping) else None

    def sizes(self, prefix: str) -> dict[str, int]:
        """Sizes in bytes of all objects whose keys begin so."""
        pages = self._client.get_paginator("list_objects_v2")
        try:
            return {
                item["Key"]: item["Size"]
                for page in pages.paginate(Bucket=self._bucket, Prefix=prefix)
                for item in page.get("Contents", ())
            }
        except (ClientError, BotoCoreError) as error:
            raise _unavailable(prefix, error) from error

    def digest(self, key: str) -> str | None:
        """SHA-256 of an object as its writer noted it; None where it is not noted."""
        try:
            return self._client.head_object(Bucket=self._bucket, Key=key)["Metadata"].get(DIGEST)
        except (ClientError, BotoCoreError) as error:
            raise _unavailable(key, error) from error

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store an object with its digest."""
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=data,
                ContentType=content_type,
                Metadata={DIGEST: hashlib.sha256(data).hexdigest()},
            )
        except (ClientError, BotoCoreError) as error:
            raise _unavailable(key, error) from error


def read_plain_file(path: Path, bytes_max: int) -> bytes:
    """At most so many bytes of a file that a firmware tree's own code may have made.

    A link is not followed.
    """
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            return file.read(bytes_max)
    except OSError as error:
        raise TaskError(f"{path.name} cannot be read: {error.strerror}") from error


def _unavailable(key: str, error: Exception) -> TaskError:
    return TaskError(f"storage failed at {key}: {error}")
