"""Jobs and pods read from bodies as the API server returns them."""

from typing import Any

from qmk_operator.observation import by_age, job_view, pod_view
from tests.unit.operator_objects import DIGEST, KEY, NOW, ago, pod

CREATED = "2026-01-01T12:00:00Z"
LABELS = {"qmk.fm/compile-job": "mine", "qmk.fm/build-key": KEY, "qmk.fm/rerun": "2"}


def job_body(*conditions: tuple[str, str, str], **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "mine-r2",
            "uid": "uid-job",
            "creationTimestamp": CREATED,
            "labels": LABELS,
            "annotations": {"qmk.fm/toolchain-digest": DIGEST},
            "ownerReferences": [
                {"uid": "other", "controller": False},
                {"uid": "uid-owner", "controller": True},
            ],
            **metadata,
        },
        "spec": {"backoffLimit": 2},
        "status": {
            "conditions": [
                {"type": kind, "status": status, "reason": reason, "message": "why"}
                for kind, status, reason in conditions
            ]
        },
    }


def pod_body(status: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": "pod",
            "uid": "uid-pod",
            "creationTimestamp": CREATED,
            "labels": LABELS,
            "ownerReferences": [{"uid": "uid-job", "controller": True}],
            **metadata,
        },
        "spec": {"nodeName": "node-a"},
        "status": status,
    }


def container(name: str, **state: Any) -> dict[str, Any]:
    return {"name": name, "state": state}


def test_a_job_of_ours() -> None:
    view = job_view(job_body())
    assert (view.name, view.compile_job, view.build_key, view.rerun) == ("mine-r2", "mine", KEY, 2)
    assert (view.owner_uid, view.toolchain_digest, view.retries) == ("uid-owner", DIGEST, 2)
    assert (view.created, view.finished, view.deleted) == (NOW, False, False)


def test_a_job_of_somebody_else_has_no_labels() -> None:
    body = job_body(labels=None, annotations=None, ownerReferences=None)
    view = job_view(body)
    assert (view.compile_job, view.build_key, view.owner_uid, view.rerun) == ("", "", None, 0)


def test_a_job_that_is_about_to_fail_has_failed() -> None:
    view = job_view(job_body(("FailureTarget", "True", "DeadlineExceeded")))
    assert (view.failure, view.failure_message, view.finished) == ("DeadlineExceeded", "why", True)


def test_conditions_that_are_not_true_do_not_count() -> None:
    assert not job_view(job_body(("Complete", "False", ""), ("Failed", "Unknown", ""))).finished
    assert job_view(job_body(("Complete", "True", ""))).complete


def test_a_pod_from_its_creation_on() -> None:
    view = pod_view(pod_body({}))
    assert (view.phase, view.build.running, view.over) == ("Pending", False, False)


def test_a_pod_without_room() -> None:
    scheduled = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable"}
    assert pod_view(pod_body({"conditions": [scheduled]})).unschedulable


def test_a_pod_whose_build_has_ended() -> None:
    ended = {"exitCode": 137, "reason": "OOMKilled", "startedAt": CREATED}
    statuses = [
        container("upload", running={"startedAt": CREATED}),
        container("build", terminated=ended),
    ]
    view = pod_view(pod_body({"phase": "Running", "containerStatuses": statuses}))
    assert (view.build.exit_code, view.build.exit_reason) == (137, "OOMKilled")
    assert view.build.started == NOW
    assert view.upload.running
    assert not view.over


def test_a_pod_is_over_when_both_containers_are() -> None:
    ended = {"exitCode": 0, "reason": "Completed", "startedAt": None}
    statuses = [container(name, terminated=ended) for name in ("build", "upload")]
    view = pod_view(pod_body({"phase": "Running", "containerStatuses": statuses}))
    assert (view.over, view.succeeded) == (True, True)


def test_a_pod_that_was_taken_away() -> None:
    disruption = {"type": "DisruptionTarget", "status": "True", "reason": "TerminationByKubelet"}
    status = {"phase": "Failed", "reason": "Evicted", "conditions": [disruption]}
    view = pod_view(pod_body(status, deletionTimestamp=CREATED))
    assert (view.disruption, view.reason, view.deleted) == (
        "TerminationByKubelet",
        "Evicted",
        True,
    )


def test_the_newest_pod_is_the_last() -> None:
    old, new = pod(name="b", created=ago(9)), pod(name="a", created=ago(1))
    twin = pod(name="c", created=ago(1))
    assert by_age([twin, new, old]) == (old, new, twin)
