"""Replacing every pod of the API is noticed by nobody who polls."""

from qmk_contract.names import COMPONENT_LABEL
from tests.e2e.kubectl import Kubectl
from tests.e2e.service import Service
from tests.poller import polling
from tests.waiting import wait_for

API = "deployment/qmk-compile-api"
ROLLOUT_SECONDS = 180


def test_no_reply_fails_while_every_pod_of_the_api_is_replaced(
    kubectl: Kubectl, service: Service
) -> None:
    job_id = service.enqueue(service.keymap("demo/pad6", "LAYOUT_ortho_2x3", 6))
    service.wait(job_id)
    before = pods(kubectl)
    with polling(f"{service.url}/v1/compile/{job_id}", 200, "finished", polls_min=50):
        kubectl("rollout", "restart", API)
        meanwhile = service.enqueue(service.keymap("demo/pad6", "LAYOUT_ortho_2x3", 6))
        kubectl("rollout", "status", API, seconds=ROLLOUT_SECONDS)
        wait_for("the old pods to end", lambda: not before & pods(kubectl), seconds=60)
        assert service.wait(meanwhile)["is_failed"] is False


def pods(kubectl: Kubectl) -> set[str]:
    """Names of the API's pods, those that are ending included."""
    found = kubectl.items("pods", f"--selector={COMPONENT_LABEL}=api")
    return {pod["metadata"]["name"] for pod in found}
