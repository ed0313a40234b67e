"""Replacing every pod of the API is noticed by nobody who polls."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from qmk_contract.names import COMPONENT_LABEL
from tests.e2e.kubectl import Kubectl
from tests.e2e.service import Service
from tests.waiting import wait_for

API = "deployment/qmk-compile-api"
ROLLOUT_SECONDS = 180
POLL_SECONDS = 0.02


@dataclass
class Poller(threading.Thread):
    """Polls one job every 20 ms, over one connection or a new one each time."""

    url: str
    keep_alive: bool
    polls: int = 0
    failures: list[str] = field(default_factory=list)
    enough: threading.Event = field(default_factory=threading.Event)

    __hash__ = threading.Thread.__hash__

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def run(self) -> None:
        while not self.enough.is_set():
            with httpx.Client(timeout=30, trust_env=False) as http:
                self._poll(http)
                while self.keep_alive and not self.enough.is_set():
                    self._poll(http)

    def _poll(self, http: httpx.Client) -> None:
        self.polls += 1
        try:
            reply = http.get(self.url)
        except httpx.TransportError as error:
            self.failures.append(f"poll {self.polls}: {error!r}")
        else:
            if reply.status_code != 200 or reply.json()["status"] != "finished":
                self.failures.append(f"poll {self.polls}: {reply.status_code} {reply.text[:200]}")
        self.enough.wait(POLL_SECONDS)


@contextmanager
def polling(url: str) -> Iterator[list[Poller]]:
    pollers = [Poller(url, keep_alive=True), Poller(url, keep_alive=False)]
    for poller in pollers:
        poller.start()
    try:
        yield pollers
    finally:
        for poller in pollers:
            poller.enough.set()
        for poller in pollers:
            poller.join(timeout=60)


def test_no_reply_fails_while_every_pod_of_the_api_is_replaced(
    kubectl: Kubectl, service: Service
) -> None:
    job_id = service.enqueue(service.keymap("demo/pad6", "LAYOUT_ortho_2x3", 6))
    service.wait(job_id)
    before = pods(kubectl)
    with polling(f"{service.url}/v1/compile/{job_id}") as pollers:
        kubectl("rollout", "restart", API)
        meanwhile = service.enqueue(service.keymap("demo/pad6", "LAYOUT_ortho_2x3", 6))
        kubectl("rollout", "status", API, seconds=ROLLOUT_SECONDS)
        wait_for("the old pods to end", lambda: not before & pods(kubectl), seconds=60)
        assert service.wait(meanwhile)["is_failed"] is False
    assert [failure for poller in pollers for failure in poller.failures] == []
    assert all(poller.polls > 50 for poller in pollers)


def pods(kubectl: Kubectl) -> set[str]:
    """Names of the API's pods, those that are ending included."""
    found = kubectl.items("pods", f"--selector={COMPONENT_LABEL}=api")
    return {pod["metadata"]["name"] for pod in found}
