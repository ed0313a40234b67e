"""The Job that publishes a firmware tree: its body, and what its state means. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from qmk_contract import names

_PLAN, _WORK = "/plan", "/work"
_USER = 65532
_SANDBOX = "QMK_SANDBOX"
_DEADLINE_SECONDS = 3600
_KEPT_SECONDS = 600
_LIMITS = {"cpu": "2", "memory": "2Gi", "ephemeral-storage": "8Gi"}


@dataclass(frozen=True)
class Publication:
    """What is published, from where, with which images; ``sandbox`` as builds have it."""

    commit: str
    channel: str
    tree_url: str
    tree_sha256: str
    toolchain_image: str
    operator_image: str
    sandbox: str


def job_name(channel: str, commit: str) -> str:
    """One name for one publication, so that it cannot run twice at once."""
    plain = channel.replace("_", "-").replace(".", "-")[:32].rstrip("-")
    return f"publish-{plain}-{commit[:12]}"


def sandbox_of(operator: Mapping[str, Any]) -> str:
    """What the release's builds do where a layer of their sandbox is missing.

    ``operator`` is the Deployment of the operator, which is told.
    """
    container = operator["spec"]["template"]["spec"]["containers"][0]
    return str(next(entry["value"] for entry in container["env"] if entry["name"] == _SANDBOX))


def publish_job(publication: Publication, storage: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The Job's body; ``storage`` are the environment entries that say where S3 is.

    It is a release's own refresh, but for the tree, which is brought instead of fetched by git. The
    container that runs the tree's own code, in the sandbox of builds, has no credentials.
    """
    labels = {
        names.NAME_LABEL: names.MANAGED_BY,
        names.COMPONENT_LABEL: names.TASKS_COMPONENT,
    }
    small = {"cpu": "100m", "memory": "128Mi", "ephemeral-storage": "16Mi"}
    what = ["--channel", publication.channel, "--commit", publication.commit]
    plan = _container("plan", publication.operator_image, what, small, [_mount(_PLAN)])
    tree = ["--tree-url", publication.tree_url, "--tree-sha256", publication.tree_sha256]
    snapshot = _container(
        "snapshot",
        publication.toolchain_image,
        ["--work", _WORK, *tree],
        {"cpu": "250m", "memory": "256Mi", "ephemeral-storage": "256Mi"},
        [_mount(_PLAN, read_only=True), _mount(_WORK)],
    )
    publish = _container(
        "publish",
        publication.operator_image,
        ["--work", _WORK],
        small,
        [_mount(_PLAN), _mount(_WORK)],
    )
    plan["env"] = publish["env"] = list(storage)
    snapshot["env"] = [{"name": _SANDBOX, "value": publication.sandbox}]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": job_name(publication.channel, publication.commit), "labels": labels},
        "spec": {
            # What can be tried again is tried again inside; the person who waits sees the rest.
            "backoffLimit": 0,
            "activeDeadlineSeconds": _DEADLINE_SECONDS,
            "ttlSecondsAfterFinished": _KEPT_SECONDS,
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "restartPolicy": "Never",
                    "automountServiceAccountToken": False,
                    "enableServiceLinks": False,
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": _USER,
                        "runAsGroup": _USER,
                        "fsGroup": _USER,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "initContainers": [plan, snapshot],
                    "containers": [publish],
                    "volumes": [
                        {"name": "plan", "emptyDir": {"sizeLimit": "128Mi"}},
                        {"name": "work", "emptyDir": {"sizeLimit": "6Gi"}},
                    ],
                },
            },
        },
    }


def failure(job: Mapping[str, Any]) -> str | None:
    """Why a Job failed; None while it has not."""
    condition = _condition(job, "Failed")
    if condition is None:
        return None
    return str(condition.get("message") or condition.get("reason") or "it failed")


def is_complete(job: Mapping[str, Any]) -> bool:
    """Whether a Job has ended well."""
    return _condition(job, "Complete") is not None


def _condition(job: Mapping[str, Any], kind: str) -> Mapping[str, Any] | None:
    for condition in (job.get("status") or {}).get("conditions") or ():
        if condition["type"] == kind and condition["status"] == "True":
            return dict(condition)
    return None


def _container(
    name: str,
    image: str,
    arguments: Sequence[str],
    requests: Mapping[str, str],
    mounts: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    return {
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-m", "qmk_tasks", name, "--plan", _PLAN, *arguments],
        "resources": {"requests": dict(requests), "limits": _LIMITS},
        "volumeMounts": list(mounts),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _mount(path: str, *, read_only: bool = False) -> dict[str, Any]:
    return {"name": path.removeprefix("/"), "mountPath": path, "readOnly": read_only}
