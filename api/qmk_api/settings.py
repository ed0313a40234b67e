"""Everything that the API is told from outside, read once from the environment."""

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from qmk_contract.artifacts import CHANNEL_PATTERN
from qmk_contract.compile_job import (
    DEFAULT_CHANNEL,
    DEFAULT_TIMEOUT_SECONDS,
    DEFAULT_TTL_SECONDS,
)

_NAMESPACE = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DIGEST = r"sha256:[0-9a-f]{64}"
_URL = r"https?://[A-Za-z0-9.\[\]:-]+(?:/[A-Za-z0-9._~-]+)*/*"
_BUCKET = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
_WORD = r"[\x21-\x7e]{1,256}"
_PATH = r"[^\x00]{1,4096}"
_HOST = r"[A-Za-z0-9.:-]{1,253}"
_LEVEL = r"DEBUG|INFO|WARNING|ERROR"


class SettingsError(ValueError):
    """Environment variables that are missing or unfit; the text names all of them."""


@dataclass(frozen=True)
class StorageSettings:
    """Where the S3 server is, and as whom it is read."""

    endpoint_url: str
    bucket: str
    region: str
    access_key: str
    secret_key: str = field(repr=False)


@dataclass(frozen=True)
class RedisSettings:
    """Where Redis is. Without it every cache is the process's own."""

    host: str
    port: int
    password: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Settings:
    """The API's settings.

    ``external_url`` has no trailing slash. ``trusted_proxies`` counts the proxies in front whose
    entry in X-Forwarded-For is believed. ``kubeconfig`` is None in a pod, where the service
    account is used.
    """

    namespace: str
    toolchain_digest: str
    storage: StorageSettings
    redis: RedisSettings | None = None
    kubeconfig: str | None = None
    kube_context: str | None = None
    external_url: str = "http://127.0.0.1:8080"
    default_channel: str = DEFAULT_CHANNEL
    compile_timeout_seconds: int = DEFAULT_TIMEOUT_SECONDS
    compile_job_ttl_seconds: int = DEFAULT_TTL_SECONDS
    trusted_proxies: int = 0
    client_salt: str = field(default_factory=secrets.token_hex, repr=False)
    body_bytes_max: int = 1 << 20
    drain_seconds: int = 5
    log_level: str = "INFO"
    host: str = "0.0.0.0"  # noqa: S104 - a pod's address is not known beforehand
    port: int = 8080

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read and check all settings.

        Raises:
            SettingsError: with one line for each variable that is missing or unfit.
        """
        read = _Reader(os.environ if environment is None else environment)
        settings = cls(
            namespace=read.text("QMK_NAMESPACE", _NAMESPACE),
            toolchain_digest=read.text("QMK_TOOLCHAIN_DIGEST", _DIGEST),
            storage=StorageSettings(
                endpoint_url=read.text("S3_ENDPOINT_URL", _URL),
                bucket=read.text("S3_BUCKET", _BUCKET, "qmk"),
                region=read.text("S3_REGION", r"[a-z0-9-]{1,64}", "us-east-1"),
                access_key=read.text("S3_ACCESS_KEY", _WORD),
                secret_key=read.text("S3_SECRET_KEY", _WORD),
            ),
            redis=_redis(read),
            kubeconfig=read.text("KUBECONFIG", _PATH, "") or None,
            kube_context=read.text("QMK_KUBE_CONTEXT", _WORD, "") or None,
            external_url=read.text("QMK_EXTERNAL_URL", _URL, cls.external_url).rstrip("/"),
            default_channel=read.text("QMK_DEFAULT_CHANNEL", CHANNEL_PATTERN, DEFAULT_CHANNEL),
            compile_timeout_seconds=read.number(
                "QMK_COMPILE_TIMEOUT_SECONDS", DEFAULT_TIMEOUT_SECONDS, 1, 3600
            ),
            compile_job_ttl_seconds=read.number(
                "QMK_COMPILE_JOB_TTL_SECONDS", DEFAULT_TTL_SECONDS, 0, 604_800
            ),
            trusted_proxies=read.number("QMK_TRUSTED_PROXIES", 0, 0, 16),
            client_salt=read.text("QMK_CLIENT_SALT", _WORD, "") or secrets.token_hex(),
            body_bytes_max=read.number("QMK_BODY_BYTES_MAX", cls.body_bytes_max, 1024, 64 << 20),
            drain_seconds=read.number("QMK_DRAIN_SECONDS", cls.drain_seconds, 0, 300),
            log_level=read.text("QMK_LOG_LEVEL", _LEVEL, cls.log_level),
            host=read.text("QMK_HOST", _HOST, cls.host),
            port=read.number("QMK_PORT", cls.port, 1, 65_535),
        )
        read.finish()
        return settings


def _redis(read: "_Reader") -> RedisSettings | None:
    host = read.text("REDIS_HOST", _HOST, "")
    port = read.number("REDIS_PORT", 6379, 1, 65_535)
    password = read.text("REDIS_PASSWORD", _WORD, "") or None
    return RedisSettings(host, port, password) if host else None


class _Reader:
    """Reads variables and collects what is wrong, so that one start names every fault."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._faults: list[str] = []

    def text(self, name: str, pattern: str, default: str | None = None) -> str:
        value = self._environment.get(name, "")
        if not value and default is None:
            self._faults.append(f"{name}: not set")
        if value and not re.fullmatch(pattern, value):
            self._faults.append(f"{name}: does not match {pattern}")
        return value or default or ""

    def number(self, name: str, default: int, low: int, high: int) -> int:
        value = self._environment.get(name, "")
        if not value:
            return default
        if not re.fullmatch(r"[0-9]{1,12}", value) or not low <= int(value) <= high:
            self._faults.append(f"{name}: must be a whole number from {low} to {high}")
            return default
        return int(value)

    def finish(self) -> None:
        if self._faults:
            raise SettingsError("; ".join(self._faults))
