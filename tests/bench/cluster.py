"""Builds on the local cluster, over the node port, as a user sees them."""

import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from qmk_contract.build_key import parse_job_id
from qmk_local.layout import HostLayout
from qmk_local.release import external_url
from tests.bench.figures import row
from tests.e2e.kubectl import Kubectl, local_kubectl
from tests.e2e.service import Service
from tests.waiting import wait_for

ROOT = Path(__file__).parents[2]
URL = external_url(HostLayout())
BUILDS = 20
REPEATS = 500
SLOTS = 2
KEYBOARD = ("clueboard/66/rev3", "LAYOUT_66_ansi", 66)
SLOW = ("demo/slow", "LAYOUT_ortho_2x3", 6)
POLL_SECONDS = 0.02


def timed(*command: str) -> float:
    started = time.monotonic()
    subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - started


def finish(service: Service, body: dict[str, Any]) -> tuple[float, dict[str, Any]]:
    """Seconds from the POST to the first reply that says finished, and that reply."""
    started = time.monotonic()
    job_id = service.enqueue(body)

    def ended() -> dict[str, Any] | None:
        reply = service.poll(job_id)
        return reply if reply["status"] in ("finished", "failed") else None

    reply = wait_for(f"job {job_id}", ended, seconds=300, interval=POLL_SECONDS)
    return time.monotonic() - started, reply


def fresh_builds(service: Service) -> Iterator[str]:
    totals: list[float] = []
    shares: list[float] = []
    steps: dict[str, list[float]] = {}
    for _ in range(BUILDS):
        seconds, reply = finish(service, service.keymap(*KEYBOARD))
        times = reply["result"]["times"]
        totals.append(seconds)
        shares.append(seconds - times["compile"] / 1000)
        for step, milliseconds in times.items():
            steps.setdefault(step, []).append(milliseconds / 1000)
    yield row("new keymap, POST -> finished, idle", totals)
    yield row("  of that, all but the tree's own `qmk compile`", shares)
    for step, samples in steps.items():
        yield row(f"  in the pod: {step}", samples)


def repeats(service: Service, kubectl: Kubectl, known: dict[str, Any], name: str) -> Iterator[str]:
    """Ask again and again for a keymap that has been built before."""
    before = {item["metadata"]["uid"] for item in kubectl.items("jobs")}
    samples = [finish(service, known)[0] for _ in range(REPEATS)]
    new = {item["metadata"]["uid"] for item in kubectl.items("jobs")} - before
    yield row(f"equal request again, {name}", samples)
    yield f"  new Jobs made meanwhile: {len(new)}"


@contextmanager
def busy_slots(service: Service, kubectl: Kubectl) -> Iterator[None]:
    """All build slots taken by slow builds, which are cancelled at the end."""
    job_ids = [service.enqueue(service.keymap(*SLOW)) for _ in range(SLOTS)]
    for job_id in job_ids:
        service.wait_until(job_id, "running")
    try:
        yield
    finally:
        for job_id in job_ids:
            parsed = parse_job_id(job_id)
            assert parsed is not None
            kubectl.patch("compilejob", parsed.key, {"spec": {"cancel": True}})
            service.wait(job_id)


def single_flight(service: Service) -> Iterator[str]:
    body = service.keymap(*KEYBOARD)
    started = time.monotonic()
    with ThreadPoolExecutor(20) as pool:
        job_ids = set(pool.map(lambda _: service.enqueue(body), range(100)))
    posted = time.monotonic() - started
    digests = {service.wait(job_id)["result"]["sha256"] for job_id in job_ids}
    yield (
        f"100 equal requests at once: {len(job_ids)} job, {len(digests)} digest, "
        f"posted in {posted:.2f} s, finished after {time.monotonic() - started:.2f} s"
    )


def figures() -> Iterator[str]:
    """Times of builds and repeats; needs what `make demo` installs."""
    kubectl = local_kubectl()
    with httpx.Client(timeout=60, trust_env=False) as http:
        service = Service(URL, http)
        yield row(
            "make up on a running cluster",
            [timed(sys.executable, "-m", "qmk_local", "up") for _ in range(3)],
        )
        yield from fresh_builds(service)
        known = service.keymap(*KEYBOARD)
        finish(service, known)
        yield from repeats(service, kubectl, known, "idle")
        with busy_slots(service, kubectl):
            yield from repeats(service, kubectl, known, "all slots busy")
        yield from single_flight(service)
