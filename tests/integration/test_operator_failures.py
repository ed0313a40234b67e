"""Pods that fail in every way, and storage and API server that go away for a while."""

from typing import Any

import pytest
from kubernetes import client

from qmk_local.apiserver import RunningApiServer
from tests.integration.operator_system import OperatorSystem, StartSystem
from tests.integration.published import keymap, upload
from tests.integration.s3_server import S3Server

pytestmark = pytest.mark.timeout(240)


@pytest.mark.parametrize(
    ("code", "end", "phase", "reason"),
    [
        ("KC_F1", {"build": 137, "reason": "OOMKilled"}, "Failed", "OutOfMemory"),
        ("KC_F2", {"build": 24, "upload": 23}, "Failed", "OutOfMemory"),
        ("KC_F3", {"build": 26, "upload": 23}, "TimedOut", "TimeLimitExceeded"),
        ("KC_F4", {"build": 20, "upload": 23}, "Failed", "ArtifactMissing"),
    ],
)
def test_a_failure_that_would_come_again_ends_the_job_at_once(
    system: OperatorSystem, code: str, end: dict[str, Any], phase: str, reason: str
) -> None:
    name = system.jobs.make(keymap(code))
    pod = system.node.pod(name)
    system.node.start(pod)
    system.node.end(pod, **end)
    done = system.jobs.wait(name, phase, reason)
    assert done["attempts"]["build"] == 1
    assert len(system.jobs.pods(name)) == 1


def test_a_pod_that_is_evicted_is_replaced(system: OperatorSystem) -> None:
    name = system.jobs.make(keymap("KC_F5"))
    pod = system.node.pod(name)
    system.node.start(pod)
    system.jobs.wait(name, "Running")
    system.node.evict(pod)
    system.jobs.wait(name, "Starting", "Retrying")
    second = system.node.pod(name, number=2)
    system.node.start(second)
    upload(system.s3, name)
    system.node.end(second)
    done = system.jobs.wait(name, "Succeeded")
    assert done["attempts"] == {"build": 1, "infra": 1}
    assert done["podName"] == second


def test_a_job_that_vanished_is_made_again(system: OperatorSystem) -> None:
    name = system.jobs.make(keymap("KC_F6"))
    first = system.node.pod(name)
    system.node.start(first)
    system.jobs.wait(name, "Running")
    uid = system.jobs.job(name).metadata.uid
    client.BatchV1Api(system.jobs.api).delete_namespaced_job(
        name, system.jobs.namespace, propagation_policy="Background"
    )
    system.jobs.wait_other_job(name, uid)
    system.node.forget(first)
    second = system.node.pod(name, number=2)
    system.node.start(second)
    upload(system.s3, name)
    system.node.end(second)
    assert system.jobs.wait(name, "Succeeded")["attempts"]["infra"] == 1


def test_a_job_that_somebody_else_has_is_left_alone(system: OperatorSystem) -> None:
    batch: Any = client.BatchV1Api(system.jobs.api)
    container = {"name": "sleep", "image": "sleep"}
    spec = {"template": {"spec": {"restartPolicy": "Never", "containers": [container]}}}
    foreign = {"metadata": {"name": "taken"}, "spec": {"suspend": True, **spec}}
    batch.create_namespaced_job(system.jobs.namespace, foreign)
    name = system.jobs.make(keymap("KC_F7"), "taken")
    system.jobs.wait(name, "Failed", "JobNameTaken")
    assert system.jobs.job("taken").spec.suspend is True


def test_retries_that_are_used_up_say_what_came_last(start_system: StartSystem) -> None:
    with start_system(QMK_INFRA_RETRIES="1", QMK_IMAGE_PULL_SECONDS="2") as system:
        name = system.jobs.make(keymap("KC_F8"))
        for number in (1, 2):
            pod = system.node.pod(name, number=number)
            system.node.start(pod)
            system.node.end(pod, build=0, upload=23)
        done = system.jobs.wait(name, "Failed", "InfraRetriesExhausted")
        assert "gave up after 2 pods" in done["message"]
        assert done["attempts"]["infra"] == 2
        stuck = system.jobs.make(keymap("KC_F9"))
        system.node.wait_with(system.node.pod(stuck), "ImagePullBackOff")
        system.jobs.wait(stuck, "Failed", "ImagePullFailed")
        system.jobs.wait_no_job(stuck)


def test_storage_that_took_nothing_from_any_pod_ends_nothing(start_system: StartSystem) -> None:
    with start_system(QMK_INFRA_RETRIES="1") as system:
        name = system.jobs.make(keymap("KC_F10"))
        for number in (1, 2):
            pod = system.node.pod(name, number=number)
            system.node.start(pod)
            system.node.end(pod, build=0, upload=22)
        waiting = system.jobs.wait(name, "Queued", "WaitingForStorage")
        assert waiting["attempts"]["infra"] == 2


def test_storage_that_goes_away_ends_nothing(
    start_system: StartSystem, s3_server: S3Server
) -> None:
    with start_system() as system:
        running = system.jobs.make(keymap("KC_S1"))
        pod = system.node.pod(running)
        system.node.start(pod)
        system.jobs.wait(running, "Running")
        upload(system.s3, running)
        s3_server.stop()
        try:
            system.node.end(pod)
            waiting = system.jobs.make(keymap("KC_S2"))
            system.jobs.wait(running, "Running", "WaitingForStorage")
            system.jobs.wait(waiting, "Queued", "WaitingForStorage")
            assert system.operator.healthy()
        finally:
            s3_server.start()
        system.jobs.wait(running, "Succeeded", "Completed", seconds=60)
        system.node.start(system.node.pod(waiting))
        system.jobs.wait(waiting, "Running", "Building")


def test_an_api_server_that_goes_away_ends_nothing(
    start_system: StartSystem, api_server: RunningApiServer
) -> None:
    with start_system() as system:
        running = system.jobs.make(keymap("KC_A1"))
        pod = system.node.pod(running)
        system.node.start(pod)
        system.jobs.wait(running, "Running")
        process = system.operator.process
        assert process is not None
        api_server.stop_api_server()
        upload(system.s3, running)
        api_server.start_api_server()
        system.node.end(pod)
        system.jobs.wait(running, "Succeeded", "Completed")
        system.node.pod(system.jobs.make(keymap("KC_A2")))
        assert process.poll() is None, "the operator ended"


def test_a_watch_that_expired_loses_nothing(
    start_system: StartSystem, api_server: RunningApiServer
) -> None:
    """What happened while nothing was watched is found again, deletions, too."""
    with start_system(verbose=True, QMK_MAX_RUNNING="1", QMK_RESYNC_SECONDS="5") as system:
        deleted = system.jobs.make(keymap("KC_W1"))
        system.node.start(system.node.pod(deleted))
        system.jobs.wait(deleted, "Running")
        process = system.operator.process
        assert process is not None
        system.operator.pause()
        try:
            api_server.restart_api_server()
            system.jobs.delete(deleted)
            system.jobs.wait_no_job(deleted)
            made = system.jobs.make(keymap("KC_W2"))
            # A new start drops the old versions: the old watch cannot go on from where it was.
            api_server.restart_api_server()
        finally:
            system.operator.resume()
        pod = system.node.pod(made)
        system.node.start(pod)
        system.jobs.wait(made, "Running")
        assert process.poll() is None, "the operator ended instead of watching again"
        # What kopf says of a watch that the API server answered with 410 Gone.
        for kind in ("compilejobs", "jobs", "pods"):
            assert f"Restarting the watch-stream for {kind}" in system.operator.logged()
        upload(system.s3, made)
        system.node.end(pod)
        system.jobs.wait(made, "Succeeded")
