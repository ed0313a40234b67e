"""A refresh's Job with one thing changed, and why nobody may create it in the API's name."""

from collections.abc import Sequence
from typing import Any

from qmk_contract.names import CHANNEL_LABEL, COMPONENT_LABEL

Body = dict[str, Any]
#: Another channel than the Job's.
FORK = "my_fork.next"
REFUSED = "the API may create refreshes only"
PODS = f"{REFUSED}, and the pods of this Job are not its CronJob's"
PODS_METADATA = f"{REFUSED}, and the metadata of this Job's pods is not its CronJob's"
METADATA = f"{REFUSED}, and this Job's metadata is not its CronJob's"
OWNER = f"{REFUSED}, and this Job's name or owner is not its CronJob's"
RUNS = f"{REFUSED}, and this Job runs otherwise than its CronJob's"
POD = ("spec", "template", "spec")
PUBLISH = (*POD, "containers", 0)
LABELS = ("metadata", "labels")
POD_METADATA = ("spec", "template", "metadata")
GONE = object()
OTHER_IMAGE = ((*PUBLISH, "image"), "registry.example.com/other:1")
SECRET = {"name": "ALL", "valueFrom": {"secretKeyRef": {"name": "our-webhooks", "key": "secret"}}}
#: By what they are: where a Job is altered, what stands there then, and why it is refused.
ALTERED: dict[str, tuple[Sequence[str | int], object, str]] = {
    "another image": (*OTHER_IMAGE, PODS),
    "another command": ((*PUBLISH, "command"), ["sh", "-c", "id"], PODS),
    "other arguments": ((*PUBLISH, "args"), ["--plan=/plan", "--work=/"], PODS),
    "a variable": ((*PUBLISH, "env", 0), {"name": "PYTHONPATH", "value": "/work"}, PODS),
    "another Secret": ((*PUBLISH, "env", 0), SECRET, PODS),
    "a whole Secret": ((*PUBLISH, "envFrom"), [{"secretRef": {"name": "our-webhooks"}}], PODS),
    "a hook": ((*PUBLISH, "lifecycle"), {"postStart": {"exec": {"command": ["id"]}}}, PODS),
    "another account": ((*POD, "serviceAccountName"), "firmware-operator", PODS),
    "a token": ((*POD, "automountServiceAccountToken"), True, PODS),
    "one more container": ((*POD, "containers", 1), {"name": "x", "image": "x"}, PODS),
    "one more before": ((*POD, "initContainers", 3), {"name": "x", "image": "x"}, PODS),
    "one container less": ((*POD, "initContainers", 0), GONE, PODS),
    "the node's files": ((*POD, "volumes", 0), {"name": "plan", "hostPath": {"path": "/"}}, PODS),
    "another Secret's volume": (
        (*POD, "volumes", 0), {"name": "plan", "secret": {"secretName": "our-webhooks"}}, PODS,
    ),
    "another mount": ((*POD, "initContainers", 2, "volumeMounts", 0, "readOnly"), False, PODS),
    "a capability": (
        (*PUBLISH, "securityContext", "capabilities", "add"), ["SYS_ADMIN"], PODS,
    ),
    "more privileges": ((*PUBLISH, "securityContext", "allowPrivilegeEscalation"), True, PODS),
    "no seccomp": ((*POD, "securityContext", "seccompProfile"), {"type": "Unconfined"}, PODS),
    "root": ((*POD, "securityContext", "runAsUser"), 0, PODS),
    "the node's network": ((*POD, "hostNetwork"), True, PODS),
    "the node's processes": ((*POD, "hostPID"), True, PODS),
    "a node by name": ((*POD, "nodeName"), "node", PODS),
    "another pod's label": ((*POD_METADATA, "labels", COMPONENT_LABEL), "api", PODS_METADATA),
    "one more label of pods": ((*POD_METADATA, "labels", "x"), "", PODS_METADATA),
    "one label of pods less": ((*POD_METADATA, "labels", CHANNEL_LABEL), GONE, PODS_METADATA),
    "an annotation of pods": ((*POD_METADATA, "annotations"), {"x": "y"}, PODS_METADATA),
    "a finalizer of pods": ((*POD_METADATA, "finalizers"), ["example.com/x"], PODS_METADATA),
    "an annotation": (("metadata", "annotations", "x"), "", METADATA),
    "a finalizer": (("metadata", "finalizers"), ["example.com/x"], METADATA),
    "a build's label": ((*LABELS, COMPONENT_LABEL), "build", METADATA),
    "no channel": ((*LABELS, CHANNEL_LABEL), GONE, METADATA),
    "an unknown channel": ((*LABELS, CHANNEL_LABEL), "other", METADATA),
    "the other channel": ((*LABELS, CHANNEL_LABEL), FORK, OWNER),
    "no label": (LABELS, GONE, METADATA),
    "another name": (("metadata", "name"), "firmware-refresh-other-p0", OWNER),
    "no owner": (("metadata", "ownerReferences"), GONE, OWNER),
    "one more owner": (
        ("metadata", "ownerReferences", 1),
        {"apiVersion": "v1", "kind": "Pod", "name": "x", "uid": "x"},
        OWNER,
    ),
    "an owner that was": (("metadata", "ownerReferences", 0, "uid"), "x", OWNER),
    "many pods at once": (("spec", "parallelism"), 100, RUNS),
    "many pods": (("spec", "completions"), 100, RUNS),
    "suspended": (("spec", "suspend"), True, RUNS),
    "as long as it likes": (("spec", "activeDeadlineSeconds"), GONE, RUNS),
    "as often as it likes": (("spec", "backoffLimit"), 1000, RUNS),
    "whatever it ends with": (("spec", "podFailurePolicy"), GONE, RUNS),
    "a Job that removes itself": (("spec", "ttlSecondsAfterFinished"), 0, RUNS),
    "another controller's": (("spec", "managedBy"), "example.com/x", RUNS),
}  # fmt: skip


def altered(job: Body, path: Sequence[str | int], value: object) -> Body:
    """A Job with something else in one place; one after the last of a list is added."""
    *above, last = path
    inner: Any = job
    for key in above:
        inner = inner[key]
    if value is GONE:
        del inner[last]
    elif isinstance(inner, list) and last == len(inner):
        inner.append(value)
    else:
        inner[last] = value
    return job
