"""How long a test that was turned away leaves slots alone."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from qmk_contract.compile_job import CompileJob, Condition, Timestamps
from qmk_contract.phases import ConditionType, JobClass, Phase, Reason
from qmk_operator.decision import DeleteJob, Observed
from qmk_operator.pause import claimed_from
from qmk_operator.reconcile import decide
from tests.unit.operator_objects import NOW, REQUEST, ago, compile_job, job, pod


def turned_away(asked: float, away: float, job_class: JobClass = JobClass.TEST) -> CompileJob:
    """A job that was asked for and turned away so many seconds ago."""
    condition = Condition(ConditionType.ADMITTED, "False", "WaitingForSlot", "", ago(away))
    status: dict[str, Any] = {"timestamps": Timestamps(ago(asked)), "conditions": (condition,)}
    return compile_job(Phase.QUEUED, job_class=job_class, status=status)


@pytest.mark.parametrize(
    ("asked", "away", "pause"),
    [(0, 0, 10), (5, 2, 10), (60, 20, 40), (9000, 0, 1800)],
)
def test_a_test_waits_as_long_again_as_it_has_been_there(
    asked: float, away: float, pause: float
) -> None:
    assert claimed_from(turned_away(asked, away)) == ago(away) + timedelta(seconds=pause)


@pytest.mark.parametrize(
    "subject",
    [turned_away(60, 20, JobClass.INTERACTIVE), turned_away(60, 20, JobClass.CI)],
)
def test_nobody_who_is_waited_for_pauses(subject: CompileJob) -> None:
    assert claimed_from(subject) == ago(60)


def test_a_test_that_was_never_turned_away_asks_at_once() -> None:
    assert claimed_from(compile_job(job_class=JobClass.TEST)) == ago(5)


def test_a_pause_ends_by_itself() -> None:
    seen = Observed(0, request=REQUEST, result_read=True)
    paused = decide(turned_away(60, 20), seen, NOW, 180)
    assert (paused.need, paused.action, paused.requeue_seconds) == (None, None, 20)
    assert decide(turned_away(60, 20), seen, NOW + timedelta(seconds=20), 180).need is not None


def test_a_test_that_users_always_drive_away_is_driven_away_a_few_times_only() -> None:
    """For an hour, users drive it away a second after each of its starts."""
    evictions, now, subject = 0, ago(0), compile_job(job_class=JobClass.TEST)
    while now < NOW + timedelta(hours=1):
        now = max(now, claimed_from(subject)) + timedelta(seconds=1)
        child = job(created=now - timedelta(seconds=1))
        seen = Observed(0, job=child, pods=(pod(True, True),), gives_way=True)
        decision = decide(subject, seen, now, 180)
        assert isinstance(decision.action, DeleteJob)
        assert decision.status is not None
        assert (decision.status.phase, decision.status.reason) == (
            Phase.QUEUED,
            Reason.WAITING_FOR_SLOT,
        )
        subject = replace(subject, status=decision.status)
        evictions += 1
        again = decide(subject, seen, now + timedelta(seconds=1), 180)
        assert again.status == decision.status, "an eviction that is repeated is no other"
    assert evictions <= 10
