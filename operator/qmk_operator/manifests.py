"""The Job of a build, as the Kubernetes API takes it. Builds bodies, never decides whether."""

import json
from dataclasses import dataclass, replace
from typing import Any

from qmk_contract import names
from qmk_contract.codec import to_body
from qmk_contract.compile_job import CompileJob
from qmk_contract.exit_codes import KILLED, NOT_RETRIED
from qmk_contract.phases import JobClass
from qmk_operator.orders import Orders
from qmk_operator.settings import PodSettings, Resources

_SCRATCH = "/scratch"
_SCRATCH_MOUNT = {"name": "scratch", "mountPath": _SCRATCH}
# What a build leaves is on a volume of its own: one that fills its scratch volume has room for its
# log still, and what strangers' code made there is nothing to the container that uploads.
_OUT = f"{_SCRATCH}/out"
_OUT_MOUNT = {"name": "out", "mountPath": _OUT}
_OUT_SIZE_LIMIT = "256Mi"
# GNU make with --output-sync wants /tmp whatever TMPDIR says (it calls tmpfile(3)), and crashes
# where it cannot write there.
_TMP_MOUNT = {"name": "scratch", "mountPath": "/tmp", "subPath": "tmp"}  # noqa: S108 - in the pod

#: Of a build that nobody waits for. The request is the container's weight where processors are
#: short, too: https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/
_IDLE_CPU_REQUEST = "10m"


@dataclass(frozen=True)
class JobLimits:
    """How long a Job may run, how many pods it may lose, how long it stays when it is over."""

    active_deadline_seconds: int
    infra_retries: int
    ttl_seconds: int


def job_labels(job: CompileJob, rerun: int, build_key: str) -> dict[str, str]:
    """Labels of a Job and its pods, by which the operator selects and finds them."""
    return {
        names.MANAGED_BY_LABEL: names.MANAGED_BY,
        names.NAME_LABEL: names.MANAGED_BY,
        names.COMPONENT_LABEL: names.BUILD_COMPONENT,
        names.COMPILE_JOB_LABEL: job.name,
        names.BUILD_KEY_LABEL: build_key,
        names.RERUN_LABEL: str(rerun),
    }


def job_manifest(
    job: CompileJob, rerun: int, orders: Orders, pod: PodSettings, limits: JobLimits
) -> dict[str, Any]:
    """The Job that runs one build of a CompileJob, which owns it."""
    if job.spec.job_class is JobClass.TEST:
        pod = replace(pod, build=replace(pod.build, cpu_request=_IDLE_CPU_REQUEST))
    labels = job_labels(job, rerun, orders.build.key)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": names.job_name(job.name, rerun),
            "namespace": job.namespace,
            "labels": labels,
            "annotations": {names.TOOLCHAIN_DIGEST_ANNOTATION: orders.build.toolchain_digest},
            "ownerReferences": [
                # Without blockOwnerDeletion, which would ask for the right to set finalizers.
                {
                    "apiVersion": names.API_VERSION,
                    "kind": names.KIND,
                    "name": job.name,
                    "uid": job.uid,
                    "controller": True,
                }
            ],
        },
        "spec": {
            "backoffLimit": limits.infra_retries,
            "activeDeadlineSeconds": limits.active_deadline_seconds,
            "ttlSecondsAfterFinished": limits.ttl_seconds,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": _failure_rules()},
            "template": {"metadata": {"labels": labels}, "spec": _pod_spec(orders, pod)},
        },
    }


def _failure_rules() -> list[dict[str, Any]]:
    """The first rule that fits decides; a pod that none fits counts against the retries."""
    return [
        # A pod that the cluster took away is killed too: it must not meet the next rule.
        {"action": "Count", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {
            "action": "FailJob",
            "onExitCodes": {
                "containerName": names.BUILD_CONTAINER,
                "operator": "In",
                "values": sorted({int(code) for code in NOT_RETRIED} | {KILLED}),
            },
        },
    ]


def _pod_spec(orders: Orders, pod: PodSettings) -> dict[str, Any]:
    build = {
        "QMK_BUILD_ORDER": json.dumps(to_body(orders.build)),
        "QMK_SCRATCH_BYTES": str(pod.scratch_bytes),
        "HOME": _SCRATCH,
        "TMPDIR": _SCRATCH,
    }
    upload = {
        "QMK_UPLOAD_ORDER": json.dumps(to_body(orders.upload)),
        "HOME": _OUT,
        "TMPDIR": _OUT,
    }
    # Files made and read once, some hundred to some thousand: a disk is slow at that, the more so
    # the fuller it is.
    medium = {"medium": "Memory"} if pod.scratch_in_memory else {}
    spec: dict[str, Any] = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": pod.termination_grace_seconds,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        # Storage is called by full or by single-label names: no need to try each search domain.
        "dnsConfig": {"options": [{"name": "ndots", "value": "1"}]},
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": pod.run_as_user,
            "runAsGroup": pod.run_as_group,
            "fsGroup": pod.run_as_group,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            _container(names.BUILD_CONTAINER, build, pod.build, pod)
            | {"volumeMounts": [_SCRATCH_MOUNT, _TMP_MOUNT, _OUT_MOUNT]},
            _container(names.UPLOAD_CONTAINER, upload, pod.upload, pod)
            | {"volumeMounts": [_OUT_MOUNT]},
        ],
        # The root is read-only: whatever wants a home or a temporary folder gets a volume.
        "volumes": [
            {"name": "scratch", "emptyDir": {"sizeLimit": str(pod.scratch_bytes), **medium}},
            {"name": "out", "emptyDir": {"sizeLimit": _OUT_SIZE_LIMIT}},
        ],
    }
    if pod.priority_class is not None:
        spec["priorityClassName"] = pod.priority_class
    return spec


def _container(
    name: str, environment: dict[str, str], resources: Resources, pod: PodSettings
) -> dict[str, Any]:
    return {
        "name": name,
        "image": pod.image,
        "imagePullPolicy": pod.image_pull_policy,
        "args": [name],
        "env": [{"name": key, "value": value} for key, value in environment.items()],
        "resources": _resources(resources),
        "terminationMessagePolicy": "File",
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _resources(resources: Resources) -> dict[str, Any]:
    return {
        "requests": {
            "cpu": resources.cpu_request,
            "memory": resources.memory_request,
            "ephemeral-storage": resources.ephemeral_storage_request,
        },
        "limits": {
            "cpu": resources.cpu_limit,
            "memory": resources.memory_limit,
            "ephemeral-storage": resources.ephemeral_storage_limit,
        },
    }
