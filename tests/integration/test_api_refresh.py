"""A push starts a Job of the CronJob that publishes firmware: real API server and controllers."""

import json
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from kubernetes import client

from qmk_contract.names import CHANNEL_LABEL, COMPONENT_LABEL, TASKS_COMPONENT
from tests.integration.api_process import ApiSystem, StartApis
from tests.unit.github_webhooks import SECRET, encoded, headers, push
from tests.waiting import wait_for

CHANNELS = [
    {"name": name, "url": "https://github.com/qmk/qmk_firmware.git", "ref": "master"}
    for name in ("master", "stable")
]
CRON_JOB = "qmk-compile-refresh-master"
LABELS = {COMPONENT_LABEL: TASKS_COMPONENT, CHANNEL_LABEL: "master"}


@pytest.fixture(scope="module")
def pushed(job_controller: None, start_apis: StartApis) -> Iterator[ApiSystem]:
    """Two replicas; whether there is a CronJob is a test's business."""
    given = {"GITHUB_WEBHOOK_SECRET": SECRET, "QMK_CHANNELS": json.dumps(CHANNELS)}
    with start_apis(2, **given) as system:
        yield system


def batch(system: ApiSystem) -> client.BatchV1Api:
    return client.BatchV1Api(system.jobs.api)


@pytest.fixture
def cron_job(pushed: ApiSystem) -> Iterator[str]:
    """The CronJob of one of two channels, with no Job yet; returns its uid."""
    container = {"name": "publish", "image": "none"}
    body: Any = {
        "metadata": {"name": CRON_JOB, "labels": LABELS},
        "spec": {
            "schedule": "0 0 1 1 *",
            "jobTemplate": {
                "metadata": {"labels": LABELS},
                "spec": {
                    "backoffLimit": 3,
                    "template": {
                        "metadata": {"labels": LABELS},
                        "spec": {"restartPolicy": "OnFailure", "containers": [container]},
                    },
                },
            },
        },
    }
    made: Any = batch(pushed).create_namespaced_cron_job(pushed.jobs.namespace, body)
    yield made.metadata.uid
    batch(pushed).delete_namespaced_cron_job(CRON_JOB, pushed.jobs.namespace)
    wait_for("its Jobs to go with it", lambda: not pushed.jobs.jobs(), seconds=30)


def deliver(system: ApiSystem, replica: int = 0) -> int:
    body = encoded(push(after=secrets.token_hex(20)))
    told = headers(body, "push", secrets.token_hex(8))
    return system.clients[replica].post("/postreceive", content=body, headers=told).status_code


def end(system: ApiSystem, name: str) -> None:
    """Let a Job end well, as its controller would say."""
    now = system.jobs.job(name).status.start_time.isoformat()
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": now}
        for kind in ("SuccessCriteriaMet", "Complete")
    ]
    status = {"active": 0, "ready": 0, "conditions": conditions, "completionTime": now}
    batch(system).patch_namespaced_job_status(name, system.jobs.namespace, {"status": status})


def test_a_push_starts_a_job_of_the_cron_job(pushed: ApiSystem, cron_job: str) -> None:
    assert deliver(pushed) == 204
    [name] = pushed.jobs.jobs()
    job = pushed.jobs.job(name)
    assert job.metadata.labels.items() >= LABELS.items()
    assert job.metadata.annotations["cronjob.kubernetes.io/instantiate"] == "manual"
    assert [owner.uid for owner in job.metadata.owner_references] == [cron_job]
    assert job.spec.backoff_limit == 3
    assert job.spec.template.spec.containers[0].name == "publish"


def test_pushes_at_once_start_one_and_another_when_it_has_ended(
    pushed: ApiSystem, cron_job: str
) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(lambda n: deliver(pushed, n % 2), range(16))) == {204}
    [first] = pushed.jobs.jobs()
    assert deliver(pushed, 1) == 204
    assert pushed.jobs.jobs() == [first]
    wait_for(
        "its controller to have seen it",
        lambda: pushed.jobs.job(first).status.start_time,
        seconds=30,
    )
    end(pushed, first)
    assert deliver(pushed) == 204
    assert len(pushed.jobs.jobs()) == 2


def test_while_it_is_suspended_a_push_only_leaves_its_flag(
    pushed: ApiSystem, cron_job: str
) -> None:
    batch(pushed).patch_namespaced_cron_job(
        CRON_JOB, pushed.jobs.namespace, {"spec": {"suspend": True}}
    )
    assert deliver(pushed) == 204
    assert pushed.jobs.jobs() == []


def test_without_its_cron_job_a_push_is_taken_and_the_log_says_so(pushed: ApiSystem) -> None:
    assert deliver(pushed) == 204
    assert pushed.jobs.jobs() == []
    assert "refresh of channel stable: no CronJob" in pushed.apis[0].log.read_text()
