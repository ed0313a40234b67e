"""Live progress of the installed service: real pods, a real kubelet, two replicas."""

from typing import Any

from tests.e2e.kubectl import Kubectl
from tests.e2e.service import Service
from tests.event_watcher import EventWatcher

API = "qmk-compile-api"
#: Million samples of the slow board's curve; its build takes about a second for twelve of them.
SOME_SECONDS, SECONDS_OF_A_ROLLOUT = 60, 400
FIRST_LINE = "Compiling keymap with"


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
    job_id = service.enqueue(slow_keymap(service, SECONDS_OF_A_ROLLOUT))
    log: list[str] = []
    reconnects = 0
    with EventWatcher(service.url, job_id) as watcher:
        watcher.wait_kind("log", seconds=60)
        kubectl("rollout", "restart", f"deployment/{API}")
        watcher.wait_kind("reconnect", seconds=90)
        watcher.wait_ended()
    while True:
        reconnects += len(watcher.of_kind("reconnect"))
        assert not watcher.of_kind("restart")
        log += watcher.log
        if watcher.of_kind("end"):
            break
        with EventWatcher(service.url, job_id, watcher.last_id) as watcher:
            watcher.wait_ended(seconds=120)
    kubectl("rollout", "status", f"deployment/{API}", "--timeout=90s")
    assert reconnects >= 1
    assert log == stored_log(service, job_id)
