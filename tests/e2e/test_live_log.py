"""Live progress of the installed service: real pods, a real kubelet, two replicas."""

from tests.e2e.api_pods import replace_pods
from tests.e2e.kubectl import Kubectl
from tests.e2e.service import Service
from tests.e2e.slow_build import SOME_SECONDS, paused, slow_keymap
from tests.event_watcher import EventWatcher

FIRST_LINE = "Compiling keymap with"


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
