"""Two API processes over a real API server and S3: one build is asked for once, and followed."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from kubernetes import client

from qmk_contract.build_key import build_key
from qmk_contract.codec import parse_time
from qmk_contract.compile_job import CompileJob
from qmk_contract.keymap import normalise_keymap
from qmk_contract.names import REQUESTED_AT_ANNOTATION
from qmk_local.apiserver import RunningApiServer
from tests.integration.api_process import ApiSystem, request_body, running_apis
from tests.integration.operator_process import TOOLCHAIN_DIGEST
from tests.integration.published import ALIAS, FIRMWARE, KEYBOARD, upload
from tests.integration.s3_server import S3Server
from tests.waiting import wait_for


@pytest.fixture(scope="module")
def apis(
    api_server: RunningApiServer,
    api_client: client.ApiClient,
    s3_server: S3Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ApiSystem]:
    folder = tmp_path_factory.mktemp("api")
    with running_apis(2, api_server, api_client, s3_server, folder) as system:
        yield system


def submit(apis: ApiSystem, body: dict[str, Any], process: int = 0) -> str:
    reply = apis.clients[process].post("/v1/compile", json=body)
    assert reply.status_code == 200, reply.text
    return str(reply.json()["job_id"])


def poll(apis: ApiSystem, job_id: str, process: int = 0) -> dict[str, Any]:
    reply = apis.clients[process].get(f"/v1/compile/{job_id}")
    assert reply.status_code == 200, reply.text
    return dict(reply.json())


def wait_status(apis: ApiSystem, job_id: str, status: str, process: int = 0) -> dict[str, Any]:
    seen: list[dict[str, Any]] = []

    def there() -> bool:
        seen.append(poll(apis, job_id, process))
        return bool(seen[-1]["status"] == status)

    wait_for(f"{status} for {job_id}", there, seconds=10)
    return seen[-1]


def test_hundred_equal_requests_over_two_processes_are_one_compile_job(apis: ApiSystem) -> None:
    before = len(apis.compile_jobs())
    bodies = [
        request_body("KC_1", keymap=f"n{number}", keyboard=(KEYBOARD, ALIAS)[number % 3 == 0])
        for number in range(100)
    ]
    with ThreadPoolExecutor(32) as pool:
        ids = list(pool.map(lambda job: submit(apis, job[1], job[0] % 2), enumerate(bodies)))
    assert len({job_id.partition(".")[0] for job_id in ids}) == 1
    assert [job_id.partition(".")[2] for job_id in ids] == [body["keymap"] for body in bodies]
    assert len(apis.compile_jobs()) == before + 1
    assert {poll(apis, ids[0], process)["status"] for process in (0, 1)} == {"queued"}


#: Whatever the contract lets through must come back from the API server as it went in, or the
#: operator would compute another key than the API.
ODD_FIELDS: list[dict[str, Any]] = [
    {"config": {}},
    {"config": {"features": {"rgblight": True, "x": None}, "tapping": {"term": 200.0}}},
    {"config": {"n": [1, 2.5, -0.0, 1e-7, 9007199254740991, 123456789.125]}},
    {"config": {"a_b": "c.d", "list": [[], {}, [None]]}},
    {"macros": [[{"action": "delay", "duration": 1e2}, 'é😀 "quoted" \\ / \u2028']]},
    {"encoders": [[{"ccw": "KC_VOLD", "cw": "KC_VOLU"}]]},
    {"dip_switches": [{"on": "KC_A", "off": None}]},
    {"keycodes": [{"key": "MY_KEY", "label": "<b>&amp;"}]},
    {"host_language": "german", "modules": ["qmk/hello_world"]},
    {"converter": "elite_pi"},
    {"macros": []},
]


@pytest.mark.parametrize("fields", ODD_FIELDS, ids=lambda fields: json.dumps(fields)[:40])
def test_stored_compile_job_has_the_key_that_names_it(
    apis: ApiSystem, fields: dict[str, Any]
) -> None:
    name = submit(apis, request_body(**fields)).partition(".")[0]
    body = apis.jobs.get(name)
    assert body is not None
    job = CompileJob.from_body(body)
    assert job.spec.firmware_commit == apis.commit
    assert job.asked == parse_time(body["metadata"]["annotations"][REQUESTED_AT_ANNOTATION])
    key = build_key(
        firmware_commit=apis.commit,
        toolchain_digest=TOOLCHAIN_DIGEST,
        keyboard=job.spec.keyboard,
        keymap=normalise_keymap(job.spec.keymap),
        keymap_name=job.spec.keymap_name,
    )
    assert key == name


@pytest.mark.parametrize(
    "fields", [{"modules": [5]}, {"modules": ["a b"]}, {"encoders": [{}] * 33}]
)
def test_what_the_schema_refuses_is_the_callers_422(
    apis: ApiSystem, fields: dict[str, Any]
) -> None:
    before = len(apis.compile_jobs())
    reply = apis.clients[0].post("/v1/compile", json=request_body("KC_F", **fields))
    assert reply.status_code == 422, reply.text
    assert reply.json()["reason"] == "InvalidKeymap"
    assert next(iter(fields)) in reply.json()["message"]
    assert len(apis.compile_jobs()) == before


def test_phases_are_followed_by_the_process_that_did_not_create_the_job(apis: ApiSystem) -> None:
    job_id = submit(apis, request_body("KC_2"))
    key = job_id.partition(".")[0]
    apis.set_status(key, phase="Queued", reason="WaitingForSlot")
    assert wait_status(apis, job_id, "queued", 1)["queue_length"] >= 1
    apis.set_status(key, phase="Running", reason="Building")
    wait_status(apis, job_id, "running", 1)
    upload(apis.s3, key)
    done = wait_status(apis, job_id, "finished", 1)
    assert done["is_failed"] is False
    assert done["result"]["firmware_filename"] == "demo_pad3_mine.hex"
    download = apis.clients[1].get(f"/v1/compile/{job_id}/download")
    assert download.content == FIRMWARE
    assert download.headers["Content-Length"] == str(len(FIRMWARE))
    head = apis.clients[0].head(f"/v1/compile/{job_id}/download")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["ETag"] == download.headers["ETag"]


def test_stored_build_is_answered_without_a_compile_job(apis: ApiSystem) -> None:
    body = request_body("KC_3")
    upload(apis.s3, apis.key_of(body))
    before = len(apis.compile_jobs())
    for process in (0, 1):
        job_id = submit(apis, body, process)
        assert poll(apis, job_id, process)["status"] == "finished"
    assert len(apis.compile_jobs()) == before


def test_job_that_timed_out_runs_again_once_however_many_ask(apis: ApiSystem) -> None:
    body = request_body("KC_4")
    job_id = submit(apis, body)
    key = job_id.partition(".")[0]
    apis.jobs.patch(key, cancel=True)
    apis.set_status(key, phase="TimedOut", reason="TimeLimitExceeded", message="too slow")
    ended = wait_status(apis, job_id, "finished")
    assert (ended["is_failed"], ended["result"]["message"]) == (True, "too slow")
    wait_status(apis, job_id, "finished", 1)
    with ThreadPoolExecutor(20) as pool:
        list(pool.map(lambda number: submit(apis, body, number % 2), range(20)))
    stored = apis.jobs.get(key)
    assert stored is not None
    assert (stored["spec"]["rerun"], stored["spec"]["cancel"]) == (1, False)
    for process in (0, 1):
        wait_status(apis, job_id, "queued", process)


def test_deleted_job_without_a_result_is_404(apis: ApiSystem) -> None:
    job_id = submit(apis, request_body("KC_5"))
    apis.jobs.delete(job_id.partition(".")[0])

    def codes() -> set[int]:
        return {http.get(f"/v1/compile/{job_id}").status_code for http in apis.clients}

    wait_for("404 for a deleted job", lambda: codes() == {404}, seconds=10)
    assert apis.clients[0].get(f"/v1/compile/{job_id}").json()["status"] == "unknown"


def test_job_made_by_hand_counts_in_the_queue(apis: ApiSystem) -> None:
    def lengths() -> list[int]:
        return [http.get("/v1").json()["queue_length"] for http in apis.clients]

    def waits(job: dict[str, Any]) -> bool:
        status = job.get("status") or {}
        rerun_asked = job["spec"].get("rerun", 0) > status.get("rerun", 0)
        return rerun_asked or status.get("phase", "Pending") in ("Pending", "Queued", "Starting")

    wanted = sum(waits(job) for job in apis.compile_jobs())
    apis.jobs.make(request_body("KC_6"), name="by-hand", firmwareCommit=None)
    wait_for("one job more", lambda: lengths() == [wanted + 1] * 2, seconds=10)


@pytest.mark.parametrize(
    "raw",
    [
        b"POST /v1/compile HTTP/1.1\r\nHost: a\r\nContent-Length: 10485760\r\n\r\n" + b" " * 70_000,
        b"POST /v1/compile HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"20000\r\n" + b" " * 0x20000 + b"\r\n" * 1,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET /v1/compile/%ff%00 HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
    ids=["too large", "cut short", "TLS", "odd path"],
)  # fmt: skip
def test_process_outlives_what_no_client_should_send(apis: ApiSystem, raw: bytes) -> None:
    with socket.create_connection(("127.0.0.1", apis.apis[0].port), timeout=10) as connection:
        connection.sendall(raw)
    assert apis.apis[0].status("/healthz") == 200
