"""What is written can be read again, and what cannot be read says where."""

import json
from typing import Any

import pytest
from hypothesis import given

from qmk_contract.codec import BodyError, from_body, parse_time, to_body
from qmk_contract.compile_job import CompileJob, CompileJobSpec, CompileJobStatus, new_compile_job
from qmk_contract.result import BuildResult
from tests.strategies import json_values, results, specs, statuses


@given(specs)
def test_a_spec_survives_the_round_trip(spec: CompileJobSpec) -> None:
    assert from_body(CompileJobSpec, json.loads(json.dumps(to_body(spec)))) == spec


@given(statuses)
def test_a_status_survives_the_round_trip(status: CompileJobStatus) -> None:
    assert from_body(CompileJobStatus, json.loads(json.dumps(to_body(status)))) == status


@given(results)
def test_a_result_survives_the_round_trip(result: BuildResult) -> None:
    assert from_body(BuildResult, json.loads(json.dumps(to_body(result)))) == result


@given(json_values)
def test_any_json_is_read_or_refused_with_the_one_error(value: Any) -> None:
    try:
        from_body(CompileJobSpec, value)
    except BodyError:
        return
    assert isinstance(value["keyboard"], str)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (None, "body: expected an object, got null"),
        ({}, "keyboard: missing"),
        ({"keyboard": None, "keymap": {}}, "keyboard: missing"),
        ({"keyboard": 1, "keymap": {}}, "keyboard: expected str, got int"),
        ({"keyboard": "a", "keymap": []}, "keymap: expected an object, got list"),
        ({"keyboard": "a", "keymap": {}, "rerun": True}, "rerun: expected int, got bool"),
        ({"keyboard": "a", "keymap": {}, "class": "vip"}, "class: 'vip' is not a valid JobClass"),
    ],
)
def test_a_bad_body_is_refused_with_the_field_named(body: Any, message: str) -> None:
    with pytest.raises(BodyError) as caught:
        from_body(CompileJobSpec, body)
    assert str(caught.value) == message


def test_a_new_compile_job_reads_back_as_the_server_would_return_it() -> None:
    spec = CompileJobSpec(keyboard="demo/pad6", keymap={"layout": "LAYOUT", "layers": [["KC_A"]]})
    asked = parse_time("2026-01-02T03:04:05.678Z")
    body = new_compile_job("mine", "qmk", spec, asked)
    body["metadata"] |= {"uid": "u1", "creationTimestamp": "2026-01-02T03:04:05Z"}
    job = CompileJob.from_body(body)
    assert (job.name, job.spec, job.status.phase, job.asked) == ("mine", spec, "Pending", asked)


@pytest.mark.parametrize(
    "annotations",
    [
        None,
        {},
        {"qmk.fm/requested-at": "yesterday"},
        {"qmk.fm/requested-at": "2026-01-02T03:04:05.678"},
        {"qmk.fm/requested-at": 7},
        {"qmk.fm/requested-at": "2026-01-02T03:02:05Z"},
        {"qmk.fm/requested-at": "2027-01-02T03:04:05Z"},
    ],
)
def test_a_time_of_asking_that_cannot_be_is_that_of_creation(annotations: Any) -> None:
    body = new_compile_job("mine", "qmk", CompileJobSpec("a", {}), parse_time("2026-01-01T00:00Z"))
    body["metadata"] |= {"uid": "u1", "creationTimestamp": "2026-01-02T03:04:05Z"}
    body["metadata"]["annotations"] = annotations
    job = CompileJob.from_body(body)
    assert job.asked == job.created


def test_an_object_without_a_uid_is_no_compile_job() -> None:
    with pytest.raises(BodyError, match=r"metadata\.uid: missing"):
        CompileJob.from_body({"metadata": {"name": "a", "namespace": "b"}})


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        parse_time("2026-01-02T03:04:05")
