"""Why pods and Jobs failed, told in the contract's words."""

from dataclasses import replace

import pytest

from qmk_contract.exit_codes import NOT_RETRIED, REASONS, ExitCode
from qmk_contract.phases import CACHEABLE_REASONS, Phase, Reason
from qmk_operator.failures import (
    image_pull_failure,
    job_failure,
    not_retried,
    pod_failure,
)
from qmk_operator.observation import IMAGE_PULL_REASONS, START_REASONS, ContainerView, PodView
from tests.unit.operator_objects import ago, job, pod

OOM_KILLED = ContainerView(started=ago(3), exit_code=137, exit_reason="OOMKilled")


@pytest.mark.parametrize(
    ("ended", "reason"),
    [
        (pod(20, 23), Reason.ARTIFACT_MISSING),
        (pod(21, 23), Reason.STORAGE_UNAVAILABLE),
        (pod(0, 22), Reason.UPLOAD_FAILED),
        (pod(0, 23), Reason.ARTIFACT_MISSING),
        (pod(24, 23), Reason.OUT_OF_MEMORY),
        (pod(25, 23), Reason.EVICTED),
        (pod(26, 23), Reason.TIME_LIMIT_EXCEEDED),
        (pod(27, 23), Reason.SANDBOX_UNAVAILABLE),
        (pod(28, 23), Reason.RESOURCE_LIMIT_EXCEEDED),
        (pod(137, 23), Reason.OUT_OF_MEMORY),
        (pod(OOM_KILLED, 23, phase="Failed"), Reason.OUT_OF_MEMORY),
        (pod(0, OOM_KILLED, phase="Failed"), Reason.UPLOAD_FAILED),
        (pod(1, 23), Reason.ARTIFACT_MISSING),
        (pod(0, 1), Reason.UPLOAD_FAILED),
        (pod(137, 137, disruption="TerminationByKubelet"), Reason.EVICTED),
        (pod(137, 137, disruption="DeletionByTaintManager"), Reason.NODE_LOST),
        (pod(137, 137, reason="Evicted"), Reason.EVICTED),
        (pod(143, 137, deleted=True), Reason.EVICTED),
        (pod(phase="Failed", reason="NodeLost"), Reason.NODE_LOST),
        (pod(phase="Failed"), Reason.NODE_LOST),
    ],
)
def test_a_pod_that_failed_has_a_reason(ended: PodView, reason: Reason) -> None:
    failure = pod_failure(ended)
    assert failure is not None
    assert failure.reason is reason
    assert failure.message


@pytest.mark.parametrize(
    "fine",
    [
        pod(),
        pod(True, True),
        pod(137, True),
        pod(0, 0),
        pod(0, 0, deleted=True),
        pod(0, 0, disruption="EvictionByEvictionAPI"),
    ],
)
def test_a_pod_that_has_not_failed_has_none(fine: PodView) -> None:
    assert pod_failure(fine) is None
    assert not_retried(fine) is None


@pytest.mark.parametrize("code", ExitCode)
def test_only_what_would_come_again_is_not_retried(code: ExitCode) -> None:
    ended = pod(int(code), 23)
    assert (not_retried(ended) is not None) is (code in NOT_RETRIED)
    assert not_retried(replace(ended, disruption="TerminationByKubelet")) is None


@pytest.mark.parametrize("code", REASONS)
def test_what_a_container_says_by_its_code_is_told_and_never_stored(code: ExitCode) -> None:
    failure = pod_failure(pod(int(code), 23))
    assert failure is not None
    assert failure.reason is REASONS[code]
    assert failure.message
    assert not failure.reason.users_fault
    assert failure.reason not in CACHEABLE_REASONS


def test_a_job_that_failed_at_once_tells_what_its_pod_said() -> None:
    failure = job_failure(job(failure="PodFailurePolicy"), [pod(26, 23)])
    assert (failure.phase, failure.reason) == (Phase.TIMED_OUT, Reason.TIME_LIMIT_EXCEEDED)


def test_a_job_without_retries_tells_the_cause_itself() -> None:
    failure = job_failure(job(failure="BackoffLimitExceeded", retries=0), [pod(0, 22)])
    assert (failure.phase, failure.reason) == (Phase.FAILED, Reason.UPLOAD_FAILED)


def test_used_up_retries_name_the_last_cause() -> None:
    failure = job_failure(job(failure="BackoffLimitExceeded"), [pod(21, 23), pod(0, 22)])
    assert failure.reason is Reason.INFRA_RETRIES_EXHAUSTED
    assert (
        failure.message == "gave up after 3 pods; the last: storage did not take the build's files"
    )


def test_without_pods_the_job_itself_tells() -> None:
    failed = job(failure="BackoffLimitExceeded", failure_message="it reached its limit")
    assert "it reached its limit" in job_failure(failed, []).message


@pytest.mark.parametrize(
    ("pods", "phase", "words"),
    [
        ([pod(True, True)], Phase.TIMED_OUT, "took longer"),
        ([pod()], Phase.FAILED, "no node"),
        ([], Phase.FAILED, "no node"),
    ],
)
def test_a_deadline_tells_whether_anything_ran(
    pods: list[PodView], phase: Phase, words: str
) -> None:
    failure = job_failure(job(failure="DeadlineExceeded"), pods)
    assert failure.phase is phase
    assert words in failure.message


@pytest.mark.parametrize("reason", sorted(IMAGE_PULL_REASONS))
def test_an_image_that_does_not_come_is_named(reason: str) -> None:
    waiting = ContainerView(waiting_reason=reason)
    failure = image_pull_failure(pod(ContainerView(), waiting))
    assert failure is not None
    assert reason in failure.message


@pytest.mark.parametrize("reason", sorted(START_REASONS))
def test_a_container_that_does_not_start_is_the_services_fault(reason: str) -> None:
    failure = image_pull_failure(pod(ContainerView(waiting_reason=reason), ContainerView()))
    assert failure is not None
    assert failure.reason is Reason.INFRA_RETRIES_EXHAUSTED
    assert reason in failure.message


def test_a_container_that_is_just_being_made_waits_for_no_image() -> None:
    waiting = ContainerView(waiting_reason="ContainerCreating")
    assert image_pull_failure(pod(waiting, waiting)) is None
