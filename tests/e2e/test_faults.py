"""What must not be lost when things break: time, memory, storage, the operator."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from qmk_contract.names import API_VERSION, COMPILE_JOB_LABEL, KIND
from tests.e2e.kubectl import Kubectl, wait_for_phase
from tests.e2e.service import Service
from tests.e2e.test_compile import key_of
from tests.waiting import wait_for

S3_POD = "qmk-compile-s3-0"
S3_CONTAINER = "seaweedfs"
OPERATOR = "qmk-compile-operator"


def compile_job(name: str, service: Service, **spec: Any) -> dict[str, Any]:
    """A CompileJob as a person writes it by hand."""
    keymap = service.keymap(spec["keyboard"], spec.pop("layout"), spec.pop("keys"))
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "metadata": {"name": name},
        "spec": {
            "keymap": {"layout": keymap["layout"], "layers": keymap["layers"]},
            "keymapName": "by-hand",
            **spec,
        },
    }


@pytest.fixture
def by_hand(kubectl: Kubectl, request: pytest.FixtureRequest) -> Iterator[str]:
    """Name of a CompileJob that is removed after the test."""
    name = f"by-hand-{int(time.time())}"
    yield name
    kubectl.delete("compilejob", name)


def test_a_hand_written_compile_job_is_built(
    kubectl: Kubectl, service: Service, by_hand: str
) -> None:
    kubectl.apply(
        compile_job(by_hand, service, keyboard="demo/pad6", layout="LAYOUT_ortho_2x3", keys=6)
    )
    status = wait_for_phase(kubectl, by_hand, "Succeeded", seconds=60)
    assert status["firmware"]["fileName"] == "demo_pad6_by-hand.hex"
    reply = service.poll(status["buildKey"])
    assert (reply["status"], reply["is_failed"]) == ("finished", False)


def test_a_build_that_takes_too_long_ends_in_time_and_stores_no_result(
    kubectl: Kubectl, service: Service, by_hand: str
) -> None:
    kubectl.apply(
        compile_job(
            by_hand, service, keyboard="demo/slow", layout="LAYOUT_ortho_2x3", keys=6,
            timeoutSeconds=3,
        )
    )  # fmt: skip
    status = wait_for_phase(kubectl, by_hand, "TimedOut", seconds=60)
    assert status["reason"] == "TimeLimitExceeded"
    assert service.poll(status["buildKey"])["status"] != "finished"


def test_a_build_that_eats_memory_ends_as_such(service: Service, kubectl: Kubectl) -> None:
    job_id = service.enqueue(service.keymap("demo/hungry", "LAYOUT_ortho_2x3", 6))
    reply = service.wait(job_id, seconds=120)
    assert (reply["status"], reply["is_failed"]) == ("failed", True)
    assert reply["result"]["reason"] == "OutOfMemory"
    assert kubectl.get("compilejob", key_of(job_id))["status"]["reason"] == "OutOfMemory"


def test_a_pod_over_its_memory_limit_is_killed(kubectl: Kubectl) -> None:
    [image] = {
        container["image"]
        for item in kubectl.items("deployments", f"--field-selector=metadata.name={OPERATOR}")
        for container in item["spec"]["template"]["spec"]["containers"]
    }
    name = "memory-hog"
    kubectl.delete("pod", name)
    kubectl.apply(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name},
            "spec": {
                "restartPolicy": "Never",
                "securityContext": {
                    "runAsNonRoot": True,
                    "runAsUser": 65532,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
                "containers": [
                    {
                        "name": "hog",
                        "image": image,
                        "imagePullPolicy": "IfNotPresent",
                        "command": ["python3", "-c", "bytearray(1 << 30)"],
                        "resources": {"limits": {"memory": "48Mi"}},
                        "securityContext": {
                            "allowPrivilegeEscalation": False,
                            "capabilities": {"drop": ["ALL"]},
                        },
                    }
                ],
            },
        }
    )

    def reason() -> str | None:
        states = kubectl.get("pod", name)["status"].get("containerStatuses", [])
        ended = [item["state"]["terminated"] for item in states if "terminated" in item["state"]]
        return ended[0]["reason"] if ended else None

    assert wait_for("the pod to be killed", reason, seconds=60) == "OOMKilled"
    kubectl.delete("pod", name)


def test_a_running_build_can_be_cancelled(service: Service, kubectl: Kubectl) -> None:
    job_id = service.enqueue(service.keymap("demo/slow", "LAYOUT_ortho_2x3", 6))
    service.wait_until(job_id, "running")
    kubectl.patch("compilejob", key_of(job_id), {"spec": {"cancel": True}})
    reply = service.wait(job_id, seconds=30)
    assert (reply["status"], reply["is_failed"]) == ("finished", True)
    assert reply["result"]["reason"] == "CancelRequested"
    wait_for(
        "the build's pod to be gone",
        lambda: not kubectl.items("pods", f"--selector={COMPILE_JOB_LABEL}={key_of(job_id)}"),
        seconds=60,
    )


def test_a_cancelled_build_can_be_asked_for_again(service: Service, kubectl: Kubectl) -> None:
    body = service.keymap("demo/pad6", "LAYOUT_ortho_2x3", 6)
    job_id = service.enqueue(body)
    kubectl.patch("compilejob", key_of(job_id), {"spec": {"cancel": True}})
    service.wait(job_id)
    assert service.compile(body)["is_failed"] is False


def test_a_build_survives_the_operator(service: Service, kubectl: Kubectl) -> None:
    job_id = service.enqueue(service.keymap("clueboard/66/rev3", "LAYOUT_66_ansi", 66))
    kubectl(
        "delete", "pod", "--selector=app.kubernetes.io/component=operator",
        "--grace-period=0", "--force",
    )  # fmt: skip
    reply = service.wait(job_id, seconds=120)
    assert reply["is_failed"] is False
    status = wait_for_phase(kubectl, key_of(job_id), "Succeeded", seconds=60)
    assert status.get("attempts", {}).get("infra", 0) == 0
    assert len(kubectl.items("jobs", f"--selector={COMPILE_JOB_LABEL}={key_of(job_id)}")) == 1


def test_many_equal_requests_make_one_build(service: Service, kubectl: Kubectl) -> None:
    body = service.keymap("clueboard/66/rev3", "LAYOUT_66_ansi", 66)
    with httpx.Client(timeout=60, trust_env=False) as http, ThreadPoolExecutor(20) as pool:

        def ask(_: int) -> str:
            reply = http.post(f"{service.url}/v1/compile", json=body)
            assert reply.status_code == 200, reply.text
            return str(reply.json()["job_id"])

        futures = [pool.submit(ask, number) for number in range(100)]
        kubectl("rollout", "restart", f"deployment/{OPERATOR}")
        job_ids = {future.result(timeout=60) for future in futures}
    [job_id] = job_ids
    digests = {service.wait(job_id, seconds=120)["result"]["sha256"] for _ in range(100)}
    assert len(digests) == 1
    assert (
        len(kubectl.items("compilejobs", f"--field-selector=metadata.name={key_of(job_id)}")) == 1
    )
    assert len(kubectl.items("jobs", f"--selector={COMPILE_JOB_LABEL}={key_of(job_id)}")) == 1
    kubectl("rollout", "status", f"deployment/{OPERATOR}", "--timeout=60s")


def test_nothing_is_lost_while_storage_is_away(service: Service, kubectl: Kubectl) -> None:
    body = service.keymap("demo/pad6", "LAYOUT_ortho_2x3", 6)
    job_id = service.enqueue(service.keymap("clueboard/66/rev3", "LAYOUT_66_ansi", 66))
    pod = kubectl.get("pod", S3_POD)
    image = pod["spec"]["containers"][0]["image"]
    # An image that nobody has ends the container and keeps the pod with its data.
    kubectl("set", "image", f"pod/{S3_POD}", f"{S3_CONTAINER}=localhost/nobody-has-this:0")
    try:
        # Not before: a request that storage still heard of is joined from then on, not refused.
        wait_for(
            "the storage server to have ended",
            lambda: "running" not in _state(kubectl, S3_POD),
            seconds=60,
        )

        def refusal() -> httpx.Response | None:
            reply = service.post(body)
            return reply if reply.status_code == 503 else None

        refused = wait_for("the API to refuse work", refusal, seconds=90)
        assert refused.json()["code"] == 503
        assert int(refused.headers["retry-after"]) > 0
        wait_for(
            "the API to say that it is not ready",
            lambda: service.http.get(f"{service.url}/readyz").status_code == 503,
            seconds=30,
        )
    finally:
        kubectl("set", "image", f"pod/{S3_POD}", f"{S3_CONTAINER}={image}")
        # Whatever this test found, the next ones need storage: back-off may take a while.
        wait_for(
            "the storage server to run again",
            lambda: "running" in _state(kubectl, S3_POD),
            seconds=180,
        )
        wait_for(
            "the API to be ready again",
            lambda: service.http.get(f"{service.url}/readyz").status_code == 200,
            seconds=120,
        )
    reply = service.wait(job_id, seconds=180)
    assert (reply["status"], reply["is_failed"]) == ("finished", False)
    assert service.compile(body)["is_failed"] is False


def _state(kubectl: Kubectl, pod: str) -> dict[str, object]:
    """``running``, ``waiting`` or ``terminated`` of a pod's one container."""
    [container] = kubectl.get("pod", pod)["status"]["containerStatuses"]
    return dict(container["state"])
