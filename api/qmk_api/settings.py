"""Everything that the API is told from outside, read once from the environment."""

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from qmk_api.environment import Reader
from qmk_contract.artifacts import CHANNEL_PATTERN
from qmk_contract.channels import ChannelSource, read_channels
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
_RATE = r"0|[1-9][0-9]{0,8}/(?:second|minute|hour)"
_DISCORD_URL = r"none|https?://[A-Za-z0-9.:-]+/[A-Za-z0-9._~/-]+"
_HOST = r"[A-Za-z0-9.:-]{1,253}"
_LEVEL = r"DEBUG|INFO|WARNING|ERROR"
#: After the drain: at least a second for requests under way, and five for the process itself.
SHUTDOWN_SECONDS_MIN = 6
DEFAULT_MAX_RUNNING = 2


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
class ProcessSettings:
    """How the server runs, by the predecessor's names (NUM_WORKERS, MAX_REQUESTS, …).

    ``max_requests`` 0 never replaces a worker. ``worker_timeout_seconds`` is how long a worker may
    not answer its supervisor before it is replaced.
    """

    workers: int = 1
    max_requests: int = 0
    max_requests_jitter: int = 0
    worker_timeout_seconds: int = 60


@dataclass(frozen=True)
class LimitSettings:
    """Bounds of fair use. Rates are "<count>/<second|minute|hour>" for one client; 0 is no bound.

    ``queued_per_client`` and ``queued`` bound jobs that wait.
    """

    compile_rate: str = "1200/minute"
    converter_rate: str = "60/minute"
    queued_per_client: int = 100
    queued: int = 5000


@dataclass(frozen=True)
class WebhookSettings:
    """GitHub's secrets (the new one and, during rotation, the old one), and Discord's URLs.

    ``start_refreshes`` says whether there are CronJobs whose Jobs a push may start; where not, it
    is only noted. A Discord URL that is empty only logs.
    """

    secrets: tuple[str, ...] = field(default=(), repr=False)
    channels: tuple[ChannelSource, ...] = ()
    start_refreshes: bool = True
    discord_info_url: str = field(default="", repr=False)
    discord_warning_url: str = field(default="", repr=False)
    discord_error_url: str = field(default="", repr=False)


@dataclass(frozen=True)
class Settings:
    """The API's settings.

    ``external_url`` has no trailing slash. ``max_running`` is how many builds the operator lets
    run at once: what waiting times are estimated with. ``trusted_proxies`` counts the proxies in
    front whose entry in X-Forwarded-For is believed. ``kubeconfig`` is None in a pod, where the
    service account is used. ``termination_grace_seconds`` is when a process that was told to end
    is killed.
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
    termination_grace_seconds: int = 30
    max_running: int = DEFAULT_MAX_RUNNING
    github_api_url: str = "https://api.github.com"
    process: ProcessSettings = ProcessSettings()
    limits: LimitSettings = LimitSettings()
    webhooks: WebhookSettings = WebhookSettings()
    log_level: str = "INFO"
    host: str = "0.0.0.0"  # noqa: S104 - a pod's address is not known beforehand
    port: int = 8080

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Self:
        """Read and check all settings.

        Raises:
            SettingsError: with one line for each variable that is missing or unfit.
        """
        read = Reader(os.environ if environment is None else environment)
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
            termination_grace_seconds=read.number(
                "QMK_TERMINATION_GRACE_SECONDS", cls.termination_grace_seconds, 1, 600
            ),
            max_running=read.number("QMK_MAX_RUNNING", DEFAULT_MAX_RUNNING, 1, 10_000),
            github_api_url=read.text("QMK_GITHUB_API_URL", _URL, cls.github_api_url).rstrip("/"),
            process=_process(read),
            limits=_limits(read),
            webhooks=_webhooks(read),
            log_level=read.text("QMK_LOG_LEVEL", _LEVEL, cls.log_level),
            host=read.text("QMK_HOST", _HOST, cls.host),
            port=read.number("QMK_PORT", cls.port, 1, 65_535),
        )
        if settings.drain_seconds + SHUTDOWN_SECONDS_MIN > settings.termination_grace_seconds:
            bound = f"QMK_TERMINATION_GRACE_SECONDS by {SHUTDOWN_SECONDS_MIN} or more"
            read.fault("QMK_DRAIN_SECONDS", f"must be less than {bound}")
        read.finish()
        return settings


def _redis(read: Reader) -> RedisSettings | None:
    host = read.text("REDIS_HOST", _HOST, "")
    port = read.number("REDIS_PORT", 6379, 1, 65_535)
    password = read.text("REDIS_PASSWORD", _WORD, "") or None
    return RedisSettings(host, port, password) if host else None


def _process(read: Reader) -> ProcessSettings:
    default = ProcessSettings()
    return ProcessSettings(
        workers=read.number("NUM_WORKERS", default.workers, 1, 64),
        max_requests=read.number("MAX_REQUESTS", default.max_requests, 0, 1_000_000_000),
        max_requests_jitter=read.number("MAX_REQUESTS_JITTER", 0, 0, 1_000_000_000),
        worker_timeout_seconds=read.number("TIMEOUT", default.worker_timeout_seconds, 1, 3600),
    )


def _limits(read: Reader) -> LimitSettings:
    default = LimitSettings()
    return LimitSettings(
        compile_rate=read.text("QMK_COMPILE_RATE", _RATE, default.compile_rate),
        converter_rate=read.text("QMK_CONVERTER_RATE", _RATE, default.converter_rate),
        queued_per_client=read.number(
            "QMK_QUEUED_PER_CLIENT_MAX", default.queued_per_client, 0, 1_000_000
        ),
        queued=read.number("QMK_QUEUED_MAX", default.queued, 0, 1_000_000),
    )


def _webhooks(read: Reader) -> WebhookSettings:
    names = ("GITHUB_WEBHOOK_SECRET", "GITHUB_WEBHOOK_SECRET_PREVIOUS")
    given = (read.text(name, _WORD, "") for name in names)
    fallback = read.text("DISCORD_WEBHOOK_URL", _DISCORD_URL, "none")
    info, warning, error = (
        read.text(f"DISCORD_WEBHOOK_{level}_URL", _DISCORD_URL, fallback)
        for level in ("INFO", "WARNING", "ERROR")
    )
    try:
        channels = read_channels(read.document("QMK_CHANNELS", "[]"))
    except ValueError as unfit:
        read.fault("QMK_CHANNELS", str(unfit))
        channels = ()
    return WebhookSettings(
        secrets=tuple(secret for secret in given if secret),
        channels=channels,
        start_refreshes=read.text("QMK_START_REFRESHES", "true|false", "true") == "true",
        discord_info_url="" if info == "none" else info,
        discord_warning_url="" if warning == "none" else warning,
        discord_error_url="" if error == "none" else error,
    )
