"""Statuses: conditions that keep their times, merge patches that remove, a size that is kept."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmk_contract.codec import to_body
from qmk_contract.compile_job import CompileJobStatus, Timestamps
from qmk_contract.phases import ConditionType, Phase, Reason
from qmk_contract.result import Diagnostic, Memory, Usage
from qmk_operator.status import STATUS_BYTES_MAX, finished, fit, merge_patch, on_the_way
from tests.unit.operator_objects import KEY, NOW, ago, compile_job

json_objects: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.dictionaries(
        st.sampled_from("abc"), st.integers(0, 2) | st.lists(st.integers(0, 2)), max_size=3
    ),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner | st.integers(0, 2), max_size=3),
    max_leaves=8,
)


def apply(target: Any, patch: Any) -> Any:
    """What RFC 7386 says that a server does with a merge patch."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = apply(result.get(key), value)
    return result


@given(json_objects, json_objects)
def test_a_merge_patch_makes_the_new_of_the_old(old: dict[str, Any], new: dict[str, Any]) -> None:
    patch = merge_patch(old, new)
    assert apply(old, patch) == new
    assert (patch == {}) is (old == new)


def test_a_condition_keeps_its_time_while_it_stays_true() -> None:
    job = compile_job(status={"build_key": KEY})
    first = on_the_way(job, Phase.QUEUED, Reason.WAITING_FOR_SLOT, "full", ago(60))
    later = replace(job, status=first)
    second = on_the_way(later, Phase.QUEUED, Reason.SAME_BUILD_RUNNING, "same", NOW)
    admitted = second.condition(ConditionType.ADMITTED)
    assert admitted is not None
    assert (admitted.status, admitted.reason) == ("False", "SameBuildRunning")
    assert admitted.last_transition_time == ago(60)
    third = on_the_way(
        replace(job, status=second), Phase.RUNNING, Reason.BUILDING, "runs", NOW, job_name=KEY
    )
    admitted = third.condition(ConditionType.ADMITTED)
    assert admitted is not None
    assert (admitted.status, admitted.last_transition_time) == ("True", NOW)
    assert third.condition(ConditionType.SUCCEEDED) is None


def test_an_end_has_its_times() -> None:
    times = Timestamps(ago(30), ago(12))
    status = finished(
        compile_job(Phase.RUNNING), Phase.SUCCEEDED, Reason.COMPLETED, "", NOW, timestamps=times
    )
    assert status.timestamps == Timestamps(ago(30), ago(12), NOW)
    assert status.duration_seconds == 12
    succeeded = status.condition(ConditionType.SUCCEEDED)
    assert succeeded is not None
    assert succeeded.status == "True"


def test_a_clock_that_is_behind_makes_no_negative_duration() -> None:
    times = Timestamps(ago(1), ago(-5))
    status = finished(compile_job(), Phase.FAILED, Reason.COMPILE_ERROR, "", NOW, timestamps=times)
    assert status.duration_seconds == 0


def test_a_refused_request_is_not_accepted() -> None:
    status = finished(compile_job(), Phase.FAILED, Reason.UNKNOWN_KEYBOARD, "no such", NOW)
    accepted = status.condition(ConditionType.ACCEPTED)
    assert accepted is not None
    assert (accepted.status, accepted.reason) == ("False", "UnknownKeyboard")


@given(st.integers(0, 60), st.integers(0, 2000), st.characters(codec="utf-8"))
def test_a_status_stays_small(count: int, length: int, letter: str) -> None:
    item = Diagnostic("error" * 9, "é" * length, "f" * 400, 1, 2)
    status = finished(
        compile_job(), Phase.FAILED, Reason.COMPILE_ERROR, letter * 5000, NOW,
        diagnostics=(item,) * count,
    )  # fmt: skip
    body = json.dumps(to_body(status), ensure_ascii=False).encode()
    assert len(body) <= STATUS_BYTES_MAX
    assert len(status.diagnostics) <= 20
    assert len(status.message or "") <= 1024


@pytest.mark.parametrize("number", [-1, 2**31, 10**20])
def test_numbers_that_the_api_server_would_refuse_are_left_out(number: int) -> None:
    item = Diagnostic("error", "text", "keymap.c", number, number, number, number, "K" * 900)
    usage = Usage(flash=Memory(number, 28672), ram=None)
    status = fit(CompileJobStatus(diagnostics=(item,), usage=usage))
    assert status.diagnostics == (Diagnostic("error", "text", "keymap.c", keycode="K" * 256),)
    assert status.usage is None


def test_numbers_that_are_none_are_left_out() -> None:
    wild = Diagnostic("error", "m", "f", 10**20, -1, 2**31, 3, "K" * 300)
    status = fit(CompileJobStatus(diagnostics=(wild,), usage=Usage(Memory(-1), Memory(10**20))))
    (item,) = status.diagnostics
    assert (item.line, item.column, item.layer, item.key) == (None, None, None, 3)
    assert len(item.keycode or "") == 256
    assert status.usage is None


def test_what_fits_stays_whole() -> None:
    item = Diagnostic("error", "no such keycode", "keymap.c", 1, 2, 0, 3)
    status = CompileJobStatus(diagnostics=(item,) * 3)
    assert fit(status) == status
