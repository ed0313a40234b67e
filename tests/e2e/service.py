"""The service as a client sees it."""

import random
from dataclasses import dataclass
from typing import Any

import httpx

from tests.waiting import wait_for

FINAL = ("finished", "failed", "unknown")


@dataclass(frozen=True)
class Service:
    """Posts keymaps and follows jobs over HTTP."""

    url: str
    http: httpx.Client

    def keymap(self, keyboard: str, layout: str, keys: int, **fields: Any) -> dict[str, Any]:
        """A keymap that no earlier run has asked for: one key's code is drawn at random."""
        codes = [f"KC_{letter}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
        row = [random.choice(codes) for _ in range(keys)]
        return {
            "keyboard": keyboard, "keymap": "e2e", "layout": layout, "layers": [row], **fields,
        }  # fmt: skip

    def post(self, body: Any) -> httpx.Response:
        return self.http.post(f"{self.url}/v1/compile", json=body)

    def enqueue(self, body: dict[str, Any]) -> str:
        """Post a keymap that must be accepted; returns the job id."""
        reply = self.post(body)
        assert reply.status_code == 200, reply.text
        assert reply.json()["enqueued"] is True
        return str(reply.json()["job_id"])

    def poll(self, job_id: str) -> dict[str, Any]:
        reply = self.http.get(f"{self.url}/v1/compile/{job_id}")
        assert reply.headers["content-type"].startswith("application/json")
        found: dict[str, Any] = reply.json()
        return found

    def wait(self, job_id: str, *, seconds: float = 90) -> dict[str, Any]:
        """Poll until the job has ended."""

        def ended() -> dict[str, Any] | None:
            reply = self.poll(job_id)
            return reply if reply["status"] in FINAL else None

        return wait_for(f"the end of job {job_id}", ended, seconds=seconds)

    def wait_until(self, job_id: str, status: str, *, seconds: float = 60) -> None:
        wait_for(
            f"job {job_id} to be {status}",
            lambda: self.poll(job_id)["status"] == status,
            seconds=seconds,
        )

    def compile(self, body: dict[str, Any], *, seconds: float = 90) -> dict[str, Any]:
        return self.wait(self.enqueue(body), seconds=seconds)
