"""Phases, reasons and conditions of a CompileJob: closed sets, told to users in docs/status.md."""

from enum import StrEnum


class Phase(StrEnum):
    """Where a CompileJob is. The last four are final and absorb; only a rerun leaves them."""

    PENDING = "Pending"
    QUEUED = "Queued"
    STARTING = "Starting"
    RUNNING = "Running"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    CANCELLED = "Cancelled"
    TIMED_OUT = "TimedOut"

    @property
    def final(self) -> bool:
        return self in FINAL_PHASES


FINAL_PHASES = frozenset({Phase.SUCCEEDED, Phase.FAILED, Phase.CANCELLED, Phase.TIMED_OUT})


class Reason(StrEnum):
    """Why a CompileJob is in its phase, in one CamelCase word."""

    # On the way
    WAITING_FOR_SLOT = "WaitingForSlot"
    SAME_BUILD_RUNNING = "SameBuildRunning"
    WAITING_FOR_STORAGE = "WaitingForStorage"
    WAITING_FOR_POD = "WaitingForPod"
    BUILDING = "Building"
    RETRYING = "Retrying"
    # The end that everybody wants
    COMPLETED = "Completed"
    CACHED = "Cached"
    # The request's fault
    COMPILE_ERROR = "CompileError"
    UNKNOWN_KEYBOARD = "UnknownKeyboard"
    UNKNOWN_LAYOUT = "UnknownLayout"
    INVALID_KEYMAP = "InvalidKeymap"
    UNKNOWN_CHANNEL = "UnknownChannel"
    UNKNOWN_FIRMWARE_COMMIT = "UnknownFirmwareCommit"
    FIRMWARE_TOO_LARGE = "FirmwareTooLarge"
    TIME_LIMIT_EXCEEDED = "TimeLimitExceeded"
    RESOURCE_LIMIT_EXCEEDED = "ResourceLimitExceeded"
    CANCEL_REQUESTED = "CancelRequested"
    # The service's fault
    ARTIFACT_MISSING = "ArtifactMissing"
    UPLOAD_FAILED = "UploadFailed"
    OUT_OF_MEMORY = "OutOfMemory"
    IMAGE_PULL_FAILED = "ImagePullFailed"
    EVICTED = "Evicted"
    NODE_LOST = "NodeLost"
    STORAGE_UNAVAILABLE = "StorageUnavailable"
    SANDBOX_UNAVAILABLE = "SandboxUnavailable"
    JOB_NAME_TAKEN = "JobNameTaken"
    INFRA_RETRIES_EXHAUSTED = "InfraRetriesExhausted"

    @property
    def users_fault(self) -> bool:
        """Whether the same request would fail again wherever it ran."""
        return self in USER_REASONS


USER_REASONS = frozenset(
    {
        Reason.COMPILE_ERROR,
        Reason.UNKNOWN_KEYBOARD,
        Reason.UNKNOWN_LAYOUT,
        Reason.INVALID_KEYMAP,
        Reason.UNKNOWN_CHANNEL,
        Reason.UNKNOWN_FIRMWARE_COMMIT,
        Reason.FIRMWARE_TOO_LARGE,
    }
)

#: Reasons that a result.json may carry: what another run of the same key would say again.
#: Time-outs, memory and storage trouble are never stored as a build's result.
CACHEABLE_REASONS = frozenset(
    {Reason.COMPLETED, Reason.COMPILE_ERROR, Reason.INVALID_KEYMAP, Reason.FIRMWARE_TOO_LARGE}
)


class ConditionType(StrEnum):
    """Condition types of a CompileJob, as the Kubernetes API conventions have them."""

    ACCEPTED = "Accepted"
    ADMITTED = "Admitted"
    SUCCEEDED = "Succeeded"


class JobClass(StrEnum):
    """Who waits for the build: a person, a pipeline, or nobody."""

    INTERACTIVE = "interactive"
    CI = "ci"
    TEST = "test"
