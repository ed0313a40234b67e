"""How long a test leaves slots alone after it got none or lost one. Pure, from its status."""

from datetime import datetime, timedelta

from qmk_contract.compile_job import CompileJob
from qmk_contract.phases import ConditionType, JobClass

_SECONDS_MIN = 10
_SECONDS_MAX = 1800


def idle(job: CompileJob) -> bool:
    """Whether nobody waits for a job."""
    return job.spec.job_class is JobClass.TEST


def claimed_from(job: CompileJob) -> datetime:
    """From when on a job asks for a slot.

    A test that was turned away waits as long again as it has been there. So however users come
    and go, what it has begun is thrown away a few times only, each time after twice as long.
    """
    queued = job.status.timestamps.queued or job.created
    admitted = job.status.condition(ConditionType.ADMITTED)
    if not idle(job) or admitted is None or admitted.status != "False":
        return queued
    turned_away = admitted.last_transition_time
    seconds = (turned_away - queued).total_seconds()
    return turned_away + timedelta(seconds=min(max(seconds, _SECONDS_MIN), _SECONDS_MAX))
