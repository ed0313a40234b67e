"""A client of the service's HTTP API, as a person with a keymap uses it."""

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from qmk_local.errors import LocalError

POLL_SECONDS = 0.2
JOB_TIMEOUT_SECONDS = 600
RETRY_SECONDS = 60


def post_keymap(http: httpx.Client, url: str, keymap: Mapping[str, Any]) -> str:
    """Ask for a build; returns the job id.

    Right after an installation the node port may refuse for a moment, so connection errors and
    503 are tried again for a minute.

    Raises:
        LocalError: the service refused the keymap or did not answer.
    """
    deadline = time.monotonic() + RETRY_SECONDS
    while True:
        try:
            reply = http.post(f"{url}/v1/compile", json=dict(keymap))
            if reply.status_code == httpx.codes.OK:
                return str(reply.json()["job_id"])
            problem = reply.text
            again = reply.status_code == httpx.codes.SERVICE_UNAVAILABLE
        except httpx.TransportError as error:
            problem, again = str(error), True
        if not again or time.monotonic() > deadline:
            raise LocalError(f"The service did not take the keymap: {problem}")
        time.sleep(POLL_SECONDS)


def follow(
    http: httpx.Client, url: str, job_id: str, show: Callable[[Mapping[str, Any]], None]
) -> dict[str, Any]:
    """Poll a job until it has ended, showing each reply; returns the last one.

    Raises:
        LocalError: the job did not end in time, or the service stopped answering.
    """
    deadline = time.monotonic() + JOB_TIMEOUT_SECONDS
    answered = time.monotonic()
    while time.monotonic() < deadline:
        reply, problem = _poll(http, f"{url}/v1/compile/{job_id}")
        if reply is None:
            if time.monotonic() > answered + RETRY_SECONDS:
                raise LocalError(f"The service stopped answering about {job_id}: {problem}")
            time.sleep(POLL_SECONDS)
            continue
        answered = time.monotonic()
        show(reply)
        if reply["status"] not in ("queued", "running"):
            return reply
        time.sleep(POLL_SECONDS)
    raise LocalError(f"Job {job_id} did not end within {JOB_TIMEOUT_SECONDS} s.")


def _poll(http: httpx.Client, url: str) -> tuple[dict[str, Any] | None, str]:
    """A job's state; without one, what stands in the way."""
    try:
        reply = http.get(url)
    except httpx.TransportError as error:
        return None, str(error)
    if reply.status_code != httpx.codes.OK:
        return None, reply.text
    return reply.json(), ""


def download(http: httpx.Client, url: str, target: Path) -> int:
    """Store what a URL serves; returns its size in bytes.

    Raises:
        LocalError: the URL serves no file.
    """
    reply = http.get(url)
    if reply.status_code != httpx.codes.OK:
        raise LocalError(f"{url} answered {reply.status_code}: {reply.text}")
    target.write_bytes(reply.content)
    return len(reply.content)
