"""Live progress of the installed service: real pods, a real kubelet, two replicas."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from qmk_contract.names import BUILD_CONTAINER, COMPONENT_LABEL
from tests.e2e.kubectl import Kubectl
from tests.e2e.service import Service
from tests.event_watcher import EventWatcher
from tests.waiting import wait_for

API = "deployment/qmk-compile-api"
ROLLOUT_SECONDS = 180
#: Million samples of the slow board's curve; its build takes about a second for twelve of them.
SOME_SECONDS = 60
FIRST_LINE = "Compiling keymap with"
#: What sends a signal to the process that computes the curve, and says to which.
SIGNAL_AWK = """
pids=$(grep -lxE '[gm]?awk' /proc/[0-9]*/comm | tr -dc '0-9\\n')
kill -"$1" $pids && echo $pids
"""


def slow_keymap(service: Service, precision: int) -> dict[str, Any]:
    config = {"brightness_curve": {"precision": precision}}
    return service.keymap("demo/slow", "LAYOUT_ortho_2x3", 6, config=config)


def stored_log(service: Service, job_id: str) -> list[str]:
    reply = service.http.get(f"{service.url}/v1/compile/{job_id}/log")
    assert reply.headers["X-Log-Complete"] == "true"
    return reply.text.splitlines()


def test_lines_arrive_while_the_build_runs(service: Service) -> None:
    job_id = service.enqueue(slow_keymap(service, SOME_SECONDS))
    with EventWatcher(service.url, job_id) as watcher:
        watcher.wait_kind("log", seconds=60)
        assert any(FIRST_LINE in line for line in watcher.log)
        assert not watcher.of_kind("end")
        partial = service.http.get(f"{service.url}/v1/compile/{job_id}/log")
        assert FIRST_LINE in partial.text
        assert partial.headers["X-Log-Complete"] == "false"
        end = watcher.wait_kind("end", seconds=60)
        watcher.wait_ended()
    statuses = [event.data["status"] for event in watcher.of_kind("status")]
    assert set(statuses) <= {"queued", "running"}
    assert "eta_seconds" in watcher.of_kind("status")[0].data
    assert end.data == service.poll(job_id)
    assert end.data["is_failed"] is False
    assert watcher.log == stored_log(service, job_id)


def test_a_rolling_update_of_the_api_loses_no_line(service: Service, kubectl: Kubectl) -> None:
    job_id = service.enqueue(slow_keymap(service, SOME_SECONDS))
    with EventWatcher(service.url, job_id, reconnects=True) as watcher:
        watcher.wait_kind("log", seconds=60)
        with paused(kubectl, job_id):  # so that it outlasts the update, however long that takes
            replace_pods(kubectl)
            watcher.wait_kind("reconnect")
        end = watcher.wait_kind("end", seconds=120)
        watcher.wait_ended()
    assert end.data["is_failed"] is False
    assert not watcher.of_kind("restart")
    assert watcher.log == stored_log(service, job_id)


@contextmanager
def paused(kubectl: Kubectl, job_id: str) -> Iterator[None]:
    """The slow board's build stands still, with its first lines printed, while this lasts."""
    pod = kubectl.get("compilejob", job_id.partition(".")[0])["status"]["podName"]
    command = ["exec", pod, f"--container={BUILD_CONTAINER}", "--", "sh", "-c", SIGNAL_AWK, "sh"]
    wait_for("the build's awk", lambda: kubectl(*command, "STOP"), seconds=60)
    try:
        yield
    finally:
        kubectl(*command, "CONT")


def replace_pods(kubectl: Kubectl) -> None:
    """Replace all of the API's pods, and wait until the old ones are gone."""
    before = api_pods(kubectl)
    kubectl("rollout", "restart", API)
    kubectl("rollout", "status", API, seconds=ROLLOUT_SECONDS)
    wait_for("the old pods to end", lambda: not before & api_pods(kubectl), seconds=60)


def api_pods(kubectl: Kubectl) -> set[str]:
    found = kubectl.items("pods", f"--selector={COMPONENT_LABEL}=api")
    return {pod["metadata"]["name"] for pod in found}
