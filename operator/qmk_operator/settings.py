"""Everything that the operator is told from outside, read once from the environment."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from kubernetes.utils.quantity import parse_quantity

from qmk_contract.work_order import SandboxMode

_NAME = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"
_IMAGE = r"[a-zA-Z0-9][a-zA-Z0-9._:/@-]{0,511}"
_DIGEST = r"sha256:[0-9a-f]{64}"
_URL = r"https?://[A-Za-z0-9.\[\]:-]+/?"
_BUCKET = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
_WORD = r"[\x21-\x7e]{1,256}"
# https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
_QUANTITY = r"[0-9]{1,18}(?:\.[0-9]{1,9})?(?:m|k|[KMGT]i|[MGT])?"
_PULL_POLICY = r"Always|IfNotPresent|Never"
_TRUTH = r"true|false"


class SettingsError(ValueError):
    """Environment variables that are missing or unfit; the text names all of them."""


@dataclass(frozen=True)
class Resources:
    """What a container asks for and may use at most, as Kubernetes quantities."""

    cpu_request: str
    cpu_limit: str
    memory_request: str
    memory_limit: str
    ephemeral_storage_request: str
    ephemeral_storage_limit: str


@dataclass(frozen=True)
class PodSettings:
    """What every build pod has in common. ``image_digest`` is part of each build's identity."""

    image: str
    image_digest: str
    image_pull_policy: str
    build: Resources
    upload: Resources
    scratch_bytes: int
    scratch_in_memory: bool
    run_as_user: int
    run_as_group: int
    priority_class: str | None
    termination_grace_seconds: int
    make_jobs: int
    fetch_seconds: int
    upload_seconds: int
    log_bytes: int
    sandbox: SandboxMode


@dataclass(frozen=True)
class StorageSettings:
    """Where the S3 server is, and as whom the operator calls it."""

    endpoint_url: str
    bucket: str
    region: str
    access_key: str
    secret_key: str


@dataclass(frozen=True)
class Settings:
    """The operator's settings. ``infra_retries`` is how often a Job may lose its pod.

    ``records``: have a record made of each keyboard that somebody compiles for.
    """

    namespace: str
    max_running: int
    infra_retries: int
    job_ttl_seconds: int
    image_pull_seconds: int
    workers: int
    resync_seconds: int
    metrics_port: int
    records: bool
    pod: PodSettings
    storage: StorageSettings

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read and check all settings.

        Raises:
            SettingsError: with one line for each variable that is missing or unfit.
        """
        read = _Reader(environment)
        settings = cls(
            namespace=read.text("QMK_NAMESPACE", _NAME),
            max_running=read.number("QMK_MAX_RUNNING", 2, 1, 10_000),
            infra_retries=read.number("QMK_INFRA_RETRIES", 2, 0, 2),
            job_ttl_seconds=read.number("QMK_JOB_TTL_SECONDS", 300, 10, 86_400),
            image_pull_seconds=read.number("QMK_IMAGE_PULL_SECONDS", 180, 1, 3_600),
            workers=read.number("QMK_WORKERS", 8, 1, 64),
            resync_seconds=read.number("QMK_RESYNC_SECONDS", 300, 5, 3_600),
            metrics_port=read.number("QMK_METRICS_PORT", 8082, 1, 65_535),
            records=read.text("QMK_RECORDS", _TRUTH, "true") == "true",
            pod=_pod(read),
            storage=StorageSettings(
                endpoint_url=read.text("S3_ENDPOINT_URL", _URL),
                bucket=read.text("S3_BUCKET", _BUCKET, "qmk"),
                region=read.text("S3_REGION", r"[a-z0-9-]{1,64}", "us-east-1"),
                access_key=read.text("S3_ACCESS_KEY", _WORD),
                secret_key=read.text("S3_SECRET_KEY", _WORD),
            ),
        )
        read.finish()
        return settings


def _pod(read: "_Reader") -> PodSettings:
    return PodSettings(
        image=read.text("QMK_TOOLCHAIN_IMAGE", _IMAGE),
        image_digest=read.text("QMK_TOOLCHAIN_DIGEST", _DIGEST),
        image_pull_policy=read.text("QMK_IMAGE_PULL_POLICY", _PULL_POLICY, "IfNotPresent"),
        build=read.resources("QMK_BUILD", ("500m", "2", "256Mi", "1Gi", "512Mi", "2Gi")),
        upload=read.resources("QMK_UPLOAD", ("10m", "500m", "32Mi", "128Mi", "16Mi", "128Mi")),
        scratch_bytes=read.quantity("QMK_SCRATCH_SIZE_LIMIT", "640Mi"),
        scratch_in_memory=read.text("QMK_SCRATCH_IN_MEMORY", _TRUTH, "true") == "true",
        run_as_user=read.number("QMK_RUN_AS_USER", 65532, 1, 2**31 - 1),
        run_as_group=read.number("QMK_RUN_AS_GROUP", 65532, 1, 2**31 - 1),
        priority_class=read.text("QMK_PRIORITY_CLASS", _NAME, "") or None,
        termination_grace_seconds=read.number("QMK_TERMINATION_GRACE_SECONDS", 10, 1, 300),
        make_jobs=read.number("QMK_MAKE_JOBS", 2, 1, 64),
        fetch_seconds=read.number("QMK_FETCH_SECONDS", 120, 1, 3_600),
        upload_seconds=read.number("QMK_UPLOAD_SECONDS", 120, 1, 3_600),
        log_bytes=read.number("QMK_LOG_BYTES", 1 << 20, 4_096, 64 << 20),
        sandbox=read.sandbox("QMK_SANDBOX", SandboxMode.REQUIRE),
    )


class _Reader:
    """Reads variables and collects what is wrong, so that one start names every fault."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._faults: list[str] = []

    def text(self, name: str, pattern: str, default: str | None = None) -> str:
        value = self._environment.get(name, "")
        if not value:
            if default is None:
                self._faults.append(f"{name}: not set")
            return default or ""
        if not re.fullmatch(pattern, value):
            self._faults.append(f"{name}: does not match {pattern}")
        return value

    def quantity(self, name: str, default: str) -> int:
        value = self.text(name, _QUANTITY, default)
        if not re.fullmatch(_QUANTITY, value):
            return 0
        return int(parse_quantity(value))  # type: ignore[no-untyped-call]

    def number(self, name: str, default: int, low: int, high: int) -> int:
        value = self._environment.get(name, "")
        if not value:
            return default
        if not re.fullmatch(r"[0-9]{1,12}", value) or not low <= int(value) <= high:
            self._faults.append(f"{name}: must be a whole number from {low} to {high}")
            return default
        return int(value)

    def sandbox(self, name: str, default: SandboxMode) -> SandboxMode:
        value = self.text(name, "|".join(SandboxMode), default)
        return next((mode for mode in SandboxMode if mode == value), default)

    def resources(self, prefix: str, defaults: tuple[str, str, str, str, str, str]) -> Resources:
        kinds = ("CPU", "MEMORY", "EPHEMERAL_STORAGE")
        names = [f"{prefix}_{kind}_{side}" for kind in kinds for side in ("REQUEST", "LIMIT")]
        values: list[Any] = [
            self.text(name, _QUANTITY, default)
            for name, default in zip(names, defaults, strict=True)
        ]
        return Resources(*values)

    def finish(self) -> None:
        if self._faults:
            raise SettingsError("; ".join(self._faults))


def from_process() -> Settings:
    """The settings in this process's environment.

    Raises:
        SettingsError: as ``Settings.from_environment`` has it.
    """
    return Settings.from_environment(os.environ)
