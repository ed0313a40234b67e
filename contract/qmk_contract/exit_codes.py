"""Exit codes of the build pod's containers, for the Job's podFailurePolicy.

A user's mistake is no failure of the pod: ``build`` says so in the result and exits 0.
Codes 20 to 29 are ours. See https://kubernetes.io/docs/concepts/workloads/controllers/job/
#pod-failure-policy for how a Job reads them.
"""

from enum import IntEnum

from qmk_contract.phases import Reason


class ExitCode(IntEnum):
    """What a container of the build pod says by its exit code."""

    OK = 0
    #: build: the work order cannot be read or does not fit this runner.
    BAD_ORDER = 20
    #: build: a snapshot layer or the request could not be fetched, or failed its digest.
    FETCH_FAILED = 21
    #: upload: storage did not take the objects within the deadline.
    UPLOAD_FAILED = 22
    #: upload: build ended and left no result. build: it ended without an error, and without its
    #: firmware file, or a signal ended it.
    NO_RESULT = 23
    #: build: the kernel killed a process of the build for its memory use.
    OUT_OF_MEMORY = 24
    #: build: no space left for the build.
    OUT_OF_DISK = 25
    #: build: the build ran into its own time limit; log and result are left, nothing is cached.
    TIMED_OUT = 26
    #: build: the node's kernel lacks a layer of the sandbox that the order requires.
    NO_SANDBOX = 27
    #: build: it started more processes, took more disk or wrote more output than a build may;
    #: the log says which, nothing is cached.
    LIMIT_EXCEEDED = 28


#: Codes after which the same pod again would end the same way: fail the Job at once.
NOT_RETRIED = (
    ExitCode.BAD_ORDER,
    ExitCode.OUT_OF_MEMORY,
    ExitCode.TIMED_OUT,
    ExitCode.NO_SANDBOX,
    ExitCode.LIMIT_EXCEEDED,
)

#: Exit code of a process that was killed by SIGKILL: the kernel's answer to too much memory.
KILLED = 128 + 9

REASONS = {
    ExitCode.BAD_ORDER: Reason.ARTIFACT_MISSING,
    ExitCode.FETCH_FAILED: Reason.STORAGE_UNAVAILABLE,
    ExitCode.UPLOAD_FAILED: Reason.UPLOAD_FAILED,
    ExitCode.NO_RESULT: Reason.ARTIFACT_MISSING,
    ExitCode.OUT_OF_MEMORY: Reason.OUT_OF_MEMORY,
    ExitCode.OUT_OF_DISK: Reason.EVICTED,
    ExitCode.TIMED_OUT: Reason.TIME_LIMIT_EXCEEDED,
    ExitCode.NO_SANDBOX: Reason.SANDBOX_UNAVAILABLE,
    ExitCode.LIMIT_EXCEEDED: Reason.RESOURCE_LIMIT_EXCEEDED,
}
