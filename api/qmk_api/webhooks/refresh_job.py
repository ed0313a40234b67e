"""The Job that publishes a channel's firmware now, made of the CronJob that does so by the clock.

Pure.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

#: As ``kubectl create job --from`` marks what it makes.
MANUAL = {"cronjob.kubernetes.io/instantiate": "manual"}
_DIGITS = 8


def refresh_job(
    cron_job: Mapping[str, Any], jobs: Iterable[Mapping[str, Any]]
) -> dict[str, Any] | None:
    """The Job's body; None where one of the CronJob's waits or runs, or where it is suspended.

    ``jobs`` are the namespace's. Who sees the same ones gives the new one the same name, so that
    of several replicas only one can create it.
    """
    owner = cron_job["metadata"]
    ours = [job for job in jobs if _owned(job, owner["uid"])]
    if cron_job["spec"].get("suspend") or not all(map(_ended, ours)):
        return None
    template = cron_job["spec"]["jobTemplate"]
    metadata = template.get("metadata") or {}
    seen = ",".join(sorted(job["metadata"]["uid"] for job in ours))
    suffix = hashlib.sha256(seen.encode()).hexdigest()[:_DIGITS]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": f"{owner['name']}-p{suffix}",
            "labels": metadata.get("labels") or {},
            "annotations": {**(metadata.get("annotations") or {}), **MANUAL},
            # blockOwnerDeletion would need the right to change the CronJob's finalizers.
            "ownerReferences": [
                {
                    "apiVersion": "batch/v1",
                    "kind": "CronJob",
                    "name": owner["name"],
                    "uid": owner["uid"],
                    "controller": True,
                }
            ],
        },
        "spec": template["spec"],
    }


def _owned(job: Mapping[str, Any], uid: str) -> bool:
    owners = job["metadata"].get("ownerReferences") or ()
    return any(owner["uid"] == uid for owner in owners)


def _ended(job: Mapping[str, Any]) -> bool:
    conditions = (job.get("status") or {}).get("conditions") or ()
    return any(
        condition["type"] in ("Complete", "Failed") and condition["status"] == "True"
        for condition in conditions
    )
