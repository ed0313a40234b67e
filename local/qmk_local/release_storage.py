"""The release's S3 bucket, as this machine reaches it through a forwarded port."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from qmk_contract import artifacts
from qmk_local.errors import LocalError
from qmk_local.kubectl import Kubectl

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

OPERATOR = "qmk-compile-operator"
_PREFIX = "S3_"
_URL_SECONDS = 3600
_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})


@dataclass(frozen=True)
class StorageAccess:
    """Where pods find S3, and as whom. ``environment`` tells a container the same."""

    environment: tuple[Mapping[str, Any], ...]
    endpoint_url: str
    bucket: str
    region: str
    access_key: str
    secret_key: str

    @property
    def service(self) -> str:
        """The Service behind the endpoint."""
        return (urlsplit(self.endpoint_url).hostname or "").split(".", 1)[0]

    @property
    def port(self) -> int:
        return urlsplit(self.endpoint_url).port or 80


def storage_access(kubectl: Kubectl) -> StorageAccess:
    """What the chart told the operator about S3.

    Raises:
        LocalError: the release is not installed as the chart does it.
    """
    deployment = kubectl.get("deployment", OPERATOR)
    environment = storage_environment(deployment)
    values = {entry["name"]: _value(entry, kubectl) for entry in environment}
    try:
        return StorageAccess(
            environment=tuple(environment),
            endpoint_url=values["S3_ENDPOINT_URL"],
            bucket=values["S3_BUCKET"],
            region=values["S3_REGION"],
            access_key=values["S3_ACCESS_KEY"],
            secret_key=values["S3_SECRET_KEY"],
        )
    except KeyError as error:
        raise LocalError(f"{OPERATOR} has no variable {error}: is the chart installed?") from error


def storage_environment(deployment: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """The entries of a Deployment's first container that are about S3. Pure."""
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    return [entry for entry in container.get("env") or () if entry["name"].startswith(_PREFIX)]


def _value(entry: Mapping[str, Any], kubectl: Kubectl) -> str:
    if "value" in entry:
        return str(entry["value"])
    reference = entry["valueFrom"]["secretKeyRef"]
    secret = kubectl.get("secret", reference["name"])
    return base64.b64decode(secret["data"][reference["key"]]).decode()


class ReleaseBucket:
    """The few things that publishing from here needs of the bucket; all raise LocalError."""

    def __init__(self, access: StorageAccess, forwarded_port: int) -> None:
        self._access = access
        self._client = _client(access, f"http://127.0.0.1:{forwarded_port}")

    def is_published(self, channel: str, commit: str) -> bool:
        """Whether the channel points at that commit, and all of it is there.

        Versions that knew no generator layer have left commits without one.
        """
        pointer = self._read_json(artifacts.channel(channel))
        if pointer is None or pointer.get("commit") != commit:
            return False
        manifest = self._read_json(artifacts.manifest(commit)) or {}
        index = self._read_json(artifacts.site_index(commit))
        return manifest.get("generator") is not None and index is not None

    def upload(self, file: Path, key: str) -> None:
        """Store a file."""
        try:
            self._client.upload_file(
                str(file), self._access.bucket, key, ExtraArgs={"ContentType": artifacts.ZSTD}
            )
        except (ClientError, BotoCoreError, boto3.exceptions.S3UploadFailedError) as error:
            raise _failed(error) from error

    def delete(self, key: str) -> None:
        """Remove an object."""
        try:
            self._client.delete_object(Bucket=self._access.bucket, Key=key)
        except (ClientError, BotoCoreError) as error:
            raise _failed(error) from error

    def url_for_pods(self, key: str) -> str:
        """A URL with which a pod can read an object, and do nothing else, for an hour."""
        client = _client(self._access, self._access.endpoint_url)
        return client.generate_presigned_url(
            "get_object",
            Params={"Bucket": self._access.bucket, "Key": key},
            ExpiresIn=_URL_SECONDS,
        )

    def _read_json(self, key: str) -> Mapping[str, Any] | None:
        try:
            body = self._client.get_object(Bucket=self._access.bucket, Key=key)["Body"].read()
            document: Mapping[str, Any] = json.loads(body)
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING:
                return None
            raise _failed(error) from error
        except BotoCoreError as error:
            raise _failed(error) from error
        except ValueError:
            return None
        return document


def _client(access: StorageAccess, endpoint_url: str) -> "S3Client":
    return boto3.client(
        "s3",
        endpoint_url=endpoint_url,
        region_name=access.region,
        aws_access_key_id=access.access_key,
        aws_secret_access_key=access.secret_key,
        config=Config(
            signature_version="s3v4",
            s3={"addressing_style": "path"},
            connect_timeout=5,
            read_timeout=60,
            retries={"mode": "standard", "total_max_attempts": 6},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        ),
    )


def _failed(error: Exception) -> LocalError:
    return LocalError(f"The release's storage did not do as asked: {error}")
