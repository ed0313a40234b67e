"""Names in the Kubernetes API: group, kind, labels, and the names of what a CompileJob owns."""

GROUP = "qmk.fm"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "CompileJob"
PLURAL = "compilejobs"

MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "qmk-compile"
NAME_LABEL = "app.kubernetes.io/name"
COMPONENT_LABEL = "app.kubernetes.io/component"
BUILD_COMPONENT = "build"
TASKS_COMPONENT = "tasks"
COMPILE_JOB_LABEL = f"{GROUP}/compile-job"
BUILD_KEY_LABEL = f"{GROUP}/build-key"
RERUN_LABEL = f"{GROUP}/rerun"
#: On a Job: the toolchain image's digest (a colon is not allowed in a label value).
TOOLCHAIN_DIGEST_ANNOTATION = f"{GROUP}/toolchain-digest"
#: On a CronJob and its Jobs: the channel whose firmware they publish.
CHANNEL_LABEL = f"{GROUP}/channel"
#: On a CompileJob: when it was asked for, to the millisecond. creationTimestamp has whole seconds.
REQUESTED_AT_ANNOTATION = f"{GROUP}/requested-at"

BUILD_CONTAINER = "build"
UPLOAD_CONTAINER = "upload"

#: What a Job may be called at the most, so that its pods' names and labels stay valid
#: (63 characters for a label value; the Job controller puts the Job's name in one).
JOB_NAME_MAX = 63
#: Length that the CRD allows for a CompileJob's name: leaves room for "-r" and a rerun number.
COMPILE_JOB_NAME_MAX = 52


def job_name(compile_job: str, rerun: int) -> str:
    """Name of the Job that runs a CompileJob: its own, with ``-rN`` for the Nth rerun."""
    return compile_job if rerun == 0 else f"{compile_job}-r{rerun}"
