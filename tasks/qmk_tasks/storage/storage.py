"""The only calls to S3: objects with their digest, put, copied and removed."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
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
#: A condition did not hold, or somebody else's write was under way.
_CONFLICT = frozenset({"412", "PreconditionFailed", "409", "ConditionalRequestConflict"})
_DELETED_AT_ONCE = 1000


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


@dataclass(frozen=True)
class Stored:
    """An object that is there: its size in bytes, when it was written, what tells its bytes."""

    size: int
    modified: datetime
    etag: str


@dataclass(frozen=True)
class Version:
    """A JSON object with what tells it from later versions, and its age by S3's own clock.

    ``document`` is None where what is stored cannot be read.
    """

    document: Mapping[str, Any] | None
    etag: str
    age_seconds: float


class Storage:
    """One bucket. Every method raises TaskError when S3 does not do as it is asked."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def read(self, key: str, bytes_max: int) -> bytes | None:
        """At most so many bytes of an object; None where nothing is stored."""
        with _translated(key):
            try:
                found = self._client.get_object(Bucket=self._bucket, Key=key)
                return found["Body"].read(bytes_max)
            except ClientError as error:
                if _code(error) in _MISSING:
                    return None
                raise

    def read_json(self, key: str) -> Mapping[str, Any] | None:
        """A JSON object; None where nothing is stored, or nothing that can be read."""
        content = self.read(key, INDEX_BYTES_MAX + 1)
        return None if content is None else _document(content)

    def read_version(self, key: str) -> Version | None:
        """A JSON object as it is now; None where nothing is stored."""
        with _translated(key):
            try:
                found = self._client.get_object(Bucket=self._bucket, Key=key)
                content = found["Body"].read(INDEX_BYTES_MAX + 1)
            except ClientError as error:
                if _code(error) in _MISSING:
                    return None
                raise
        date = parsedate_to_datetime(found["ResponseMetadata"]["HTTPHeaders"]["date"])
        age = (date - found["LastModified"]).total_seconds()
        return Version(_document(content), found["ETag"], age)

    def time(self) -> datetime:
        """The time by S3's own clock, which is one for all that use the bucket, in full seconds."""
        with _translated(self._bucket):
            reply = self._client.list_objects_v2(Bucket=self._bucket, MaxKeys=1)
        return parsedate_to_datetime(reply["ResponseMetadata"]["HTTPHeaders"]["date"])

    def exists(self, key: str) -> bool:
        """Whether something is stored."""
        return key in self.objects(key)

    def objects(self, prefix: str) -> dict[str, Stored]:
        """All objects whose keys begin so."""
        pages = self._client.get_paginator("list_objects_v2")
        with _translated(prefix):
            return {
                item["Key"]: Stored(item["Size"], item["LastModified"], item["ETag"])
                for page in pages.paginate(Bucket=self._bucket, Prefix=prefix)
                for item in page.get("Contents", ())
            }

    def folders(self, prefix: str) -> list[str]:
        """What keys have in common that begin so, up to and with the next slash."""
        pages = self._client.get_paginator("list_objects_v2")
        with _translated(prefix):
            return [
                item["Prefix"]
                for page in pages.paginate(Bucket=self._bucket, Prefix=prefix, Delimiter="/")
                for item in page.get("CommonPrefixes", ())
            ]

    def digest(self, key: str) -> str | None:
        """SHA-256 of an object as its writer noted it; None where it is not noted."""
        with _translated(key):
            return self._client.head_object(Bucket=self._bucket, Key=key)["Metadata"].get(DIGEST)

    def put(self, key: str, data: bytes, content_type: str) -> None:
        """Store an object with its digest."""
        with _translated(key):
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=data,
                ContentType=content_type,
                Metadata={DIGEST: hashlib.sha256(data).hexdigest()},
            )

    def put_if(self, key: str, data: bytes, content_type: str, etag: str | None) -> bool:
        """Store an object where that version of it still lies; None stands for nothing.

        Returns whether it was stored.
        """
        condition = {"IfNoneMatch": "*"} if etag is None else {"IfMatch": etag}
        with _translated(key):
            try:
                self._client.put_object(
                    Bucket=self._bucket, Key=key, Body=data, ContentType=content_type,
                    Metadata={DIGEST: hashlib.sha256(data).hexdigest()},
                    **condition,  # type: ignore[arg-type]
                )  # fmt: skip
            except ClientError as error:
                if _code(error) in _CONFLICT or (etag is not None and _code(error) in _MISSING):
                    return False
                raise
        return True

    def copy(self, source: str, key: str) -> bool:
        """Copy an object inside storage with all that is noted of it; False: there is none."""
        with _translated(key):
            try:
                self._client.copy_object(
                    Bucket=self._bucket,
                    Key=key,
                    CopySource={"Bucket": self._bucket, "Key": source},
                )
            except ClientError as error:
                if _code(error) in _MISSING:
                    return False
                raise
        return True

    def delete(self, keys: Iterable[str]) -> None:
        """Remove objects; those that are not there are none's concern."""
        left = list(keys)
        with _translated(left[0] if left else ""):
            while left:
                page, left = left[:_DELETED_AT_ONCE], left[_DELETED_AT_ONCE:]
                reply = self._client.delete_objects(
                    Bucket=self._bucket,
                    Delete={"Objects": [{"Key": key} for key in page], "Quiet": True},
                )
                if errors := reply.get("Errors"):
                    raise TaskError(f"storage failed at {errors[0].get('Key')}: {errors[0]}")


def _document(content: bytes) -> Mapping[str, Any] | None:
    try:
        document = read_document(content, INDEX_BYTES_MAX)
    except ValueError:
        return None
    return document if isinstance(document, Mapping) else None


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def _translated(key: str) -> Iterator[None]:
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        raise TaskError(f"storage failed at {key}: {error}") from error
