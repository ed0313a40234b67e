"""Replacing every pod of the API is noticed by nobody who polls."""

from tests.e2e.api_pods import replace_pods
from tests.e2e.kubectl import Kubectl
from tests.e2e.service import Service
from tests.e2e.slow_build import SOME_SECONDS, paused, slow_keymap
from tests.poller import polling

POLLS_MIN = 50


def test_no_reply_fails_while_every_pod_of_the_api_is_replaced(
    kubectl: Kubectl, service: Service
) -> None:
    finished = service.enqueue(service.keymap("demo/pad6", "LAYOUT_ortho_2x3", 6))
    service.wait(finished)
    running = service.enqueue(slow_keymap(service, SOME_SECONDS))
    jobs = f"{service.url}/v1/compile"
    service.wait_until(running, "running")
    with (
        paused(kubectl, running),  # so that it is open until all pods are replaced
        polling(f"{jobs}/{finished}", 200, "finished", polls_min=POLLS_MIN),
        polling(f"{jobs}/{running}", 200, "running", polls_min=POLLS_MIN),
    ):
        meanwhile = service.enqueue(service.keymap("demo/pad6", "LAYOUT_ortho_2x3", 6))
        replace_pods(kubectl)
        assert service.wait(meanwhile)["is_failed"] is False
    assert service.wait(running)["is_failed"] is False
