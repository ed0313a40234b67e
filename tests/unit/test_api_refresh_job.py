"""The Job that a push makes of the CronJob, and when it makes none."""

from typing import Any

import pytest

from qmk_api.webhooks.refresh_job import refresh_job

TEMPLATE = {
    "metadata": {"labels": {"app.kubernetes.io/component": "tasks"}, "annotations": {"a": "b"}},
    "spec": {"backoffLimit": 2, "template": {"spec": {"unknownToClients": True}}},
}


def cron_job(**spec: Any) -> dict[str, Any]:
    metadata = {"name": "qmk-compile-refresh", "uid": "cron"}
    return {"metadata": metadata, "spec": {"jobTemplate": TEMPLATE, **spec}}


def job(uid: str, *conditions: str, owner: str = "cron", status: str = "True") -> dict[str, Any]:
    return {
        "metadata": {"uid": uid, "ownerReferences": [{"uid": owner, "kind": "CronJob"}]},
        "status": {"conditions": [{"type": kind, "status": status} for kind in conditions]},
    }


def test_it_is_the_template_with_the_cron_job_as_owner() -> None:
    made = refresh_job(cron_job(), [])
    assert made is not None
    assert made["spec"] == TEMPLATE["spec"]
    metadata = made["metadata"]
    assert metadata["labels"] == {"app.kubernetes.io/component": "tasks"}
    assert metadata["annotations"] == {
        "a": "b",
        "cronjob.kubernetes.io/instantiate": "manual",
    }
    [owner] = metadata["ownerReferences"]
    assert (owner["kind"], owner["uid"], owner["controller"]) == ("CronJob", "cron", True)
    assert "blockOwnerDeletion" not in owner
    # A CronJob's name has 52 characters at the most, a Job's 63.
    assert len(metadata["name"]) - len("qmk-compile-refresh") <= 63 - 52


def test_a_template_without_metadata_will_do() -> None:
    made = refresh_job(cron_job(jobTemplate={"spec": {}}), [])
    assert made is not None
    assert made["metadata"]["labels"] == {}


@pytest.mark.parametrize(
    "running",
    [
        job("1"),
        job("1", "SuccessCriteriaMet", "FailureTarget"),
        job("1", "Complete", status="False"),
        {"metadata": job("1")["metadata"]},
    ],
)
def test_one_that_waits_or_runs_is_enough(running: dict[str, Any]) -> None:
    assert refresh_job(cron_job(), [job("0", "Complete"), running]) is None


def test_none_while_the_clock_is_stopped() -> None:
    assert refresh_job(cron_job(suspend=True), []) is None
    assert refresh_job(cron_job(suspend=False), []) is not None


def test_jobs_of_others_do_not_count() -> None:
    others = [job("1", owner="another"), {"metadata": {"uid": "2"}}]
    assert refresh_job(cron_job(), others) == refresh_job(cron_job(), [])


def test_who_sees_the_same_makes_the_same_and_never_an_older_one_again() -> None:
    ended = [job("1", "Complete"), job("2", "Failed")]
    first = refresh_job(cron_job(), ended)
    assert first == refresh_job(cron_job(), reversed(ended))
    later = refresh_job(cron_job(), [*ended, job("3", "Complete")])
    assert first is not None
    assert later is not None
    assert first["metadata"]["name"] != later["metadata"]["name"]
