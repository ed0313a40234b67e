"""Environment of the tasks, read once."""

import os
import re
from dataclasses import dataclass

from qmk_tasks.errors import TaskError

_URL = r"https?://[A-Za-z0-9.\[\]:-]+/?"
_BUCKET = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
_REGION = r"[a-z0-9-]{1,64}"
_WORD = r"[\x21-\x7e]{1,256}"


@dataclass(frozen=True)
class StorageSettings:
    """Where the S3 server is, and as whom it is called."""

    endpoint_url: str
    bucket: str
    region: str
    access_key: str
    secret_key: str


def storage_settings() -> StorageSettings:
    """Read the variables that the chart gives to everything that talks to S3.

    Raises:
        TaskError: one is missing or cannot be right.
    """
    return StorageSettings(
        endpoint_url=_read("S3_ENDPOINT_URL", _URL),
        bucket=_read("S3_BUCKET", _BUCKET, "qmk"),
        region=_read("S3_REGION", _REGION, "us-east-1"),
        access_key=_read("S3_ACCESS_KEY", _WORD),
        secret_key=_read("S3_SECRET_KEY", _WORD),
    )


def search_path() -> str:
    """Where programs are found."""
    return os.environ.get("PATH", os.defpath)


def _read(name: str, pattern: str, default: str = "") -> str:
    value = os.environ.get(name) or default
    if not re.fullmatch(pattern, value):
        raise TaskError(f"the variable {name} is missing or cannot be right")
    return value
