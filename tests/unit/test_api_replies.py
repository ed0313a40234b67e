"""Replies for all that can be stored or be in the cluster, held against what OpenAPI says."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmk_api.compiling.replies import job_reply
from qmk_api.compiling.states import Ended, Open, StoredBuild
from qmk_api.openapi import schemas
from qmk_contract.build_key import JobId
from qmk_contract.compile_job import CompileJob, CompileJobSpec, CompileJobStatus
from qmk_contract.phases import Phase, Reason
from qmk_contract.result import BuildResult
from tests import strategies

job_ids = st.builds(JobId, st.just("a" * 26), st.one_of(st.none(), strategies.names))
requests: st.SearchStrategy[dict[str, Any]] = st.one_of(st.just({}), strategies.keymaps)
jobs = st.builds(
    lambda spec, status: CompileJob(
        "a" * 26, "qmk", "uid", datetime(2026, 1, 1, tzinfo=UTC), spec, status
    ),
    strategies.specs,
    strategies.statuses,
)
ANY_JOB = CompileJob(
    "a" * 26, "qmk", "uid", datetime(2026, 1, 1, tzinfo=UTC), CompileJobSpec("a", {})
)
BASE = "https://api.example.org"


@given(job_ids, strategies.results, st.text(), requests)
def test_reply_for_any_stored_build(
    job_id: JobId, result: BuildResult, log: str, request: dict[str, Any]
) -> None:
    reply = checked(job_reply(job_id, StoredBuild(result, log, request), BASE))
    assert reply.status == "finished"
    assert reply.result is not None
    assert reply.is_failed is not result.succeeded
    assert bool(reply.result.firmware_binary_url) is result.succeeded
    assert (reply.result.returncode == 0) is result.succeeded
    check_files(reply)


@given(job_ids, jobs, st.text(), requests)
def test_reply_for_any_job_without_a_result(
    job_id: JobId, job: CompileJob, log: str, request: dict[str, Any]
) -> None:
    reply = checked(job_reply(job_id, Ended(job, log, request), BASE))
    assert reply.status in ("finished", "failed")
    assert reply.is_failed is True
    assert reply.result is not None
    assert reply.result.output.strip()
    assert reply.result.returncode != 0
    check_files(reply)


@pytest.mark.parametrize(
    ("phase", "reason"),
    [
        (Phase.TIMED_OUT, Reason.TIME_LIMIT_EXCEEDED),
        (Phase.FAILED, Reason.RESOURCE_LIMIT_EXCEEDED),
    ],
)
def test_build_that_took_more_than_it_may_is_the_requests_fault(
    phase: Phase, reason: Reason
) -> None:
    status = CompileJobStatus(phase, reason=reason, message="The build started 600 processes.")
    job = replace(ANY_JOB, status=status)
    reply = checked(job_reply(JobId("a" * 26, None), Ended(job, "", {}), BASE))
    assert (reply.status, reply.is_failed) == ("finished", True)
    assert reply.result is not None
    assert reply.result.output == "The build started 600 processes.\n"


@given(job_ids, st.sampled_from([phase for phase in Phase if not phase.final]))
def test_reply_for_any_open_job(job_id: JobId, phase: Phase) -> None:
    spec, status = CompileJobSpec("a", {}), CompileJobStatus(phase)
    job = CompileJob("a" * 26, "qmk", "uid", datetime(2026, 1, 1, tzinfo=UTC), spec, status)
    reply = checked(job_reply(job_id, Open(job, phase, None, 3), BASE))
    assert (reply.result, reply.is_failed) == (None, None)
    assert reply.status == ("running" if phase is Phase.RUNNING else "queued")


def check_files(reply: schemas.CompileJobState) -> None:
    """Addresses of files are told twice, and are absent twice."""
    result = reply.result
    assert result is not None
    assert reply.firmware_binary_url == result.firmware_binary_url
    assert reply.firmware_keymap_url == result.firmware_keymap_url != []
    assert reply.firmware_source_url == result.firmware_source_url != []


def checked(reply: dict[str, Any]) -> schemas.CompileJobState:
    return schemas.CompileJobState.model_validate_json(json.dumps(reply))
