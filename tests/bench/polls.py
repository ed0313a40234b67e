"""`GET /v1/compile/<id>` of jobs that wait, run and have ended."""

from collections.abc import Iterator

from tests.bench.load_generator import LoadGenerator, Target
from tests.integration.api_process import ApiSystem, request_body
from tests.integration.published import upload
from tests.waiting import wait_for

RATE = 300
SECONDS = 20


def figures(system: ApiSystem, load: LoadGenerator) -> Iterator[str]:
    """A row for each state, and one for callers who ask for all three by turns."""
    urls = {status: _job(system, status) for status in ("queued", "running", "finished")}
    for status, url in urls.items():
        name = f"GET /v1/compile/<id>, {status}"
        yield load.constant([Target(url)], RATE, SECONDS).row(name)
    mixed = load.constant([Target(url) for url in urls.values()], RATE, SECONDS)
    yield mixed.row("GET /v1/compile/<id>, by turns")


def _job(system: ApiSystem, status: str) -> str:
    """The address of a job that is in that state."""
    http = system.clients[0]
    posted = http.post("/v1/compile", json=request_body(f"KC_{status[0].upper()}"))
    job_id = str(posted.raise_for_status().json()["job_id"])
    key = job_id.partition(".")[0]
    if status == "finished":
        upload(system.s3, key)
        system.set_status(key, phase="Succeeded", reason="Completed")
    elif status == "running":
        system.set_status(key, phase="Running", reason="Building")
    else:
        system.set_status(key, phase="Queued", reason="WaitingForSlot")
    path = f"/v1/compile/{job_id}"
    wait_for(
        f"{status} for {job_id}", lambda: http.get(path).json()["status"] == status, seconds=20
    )
    return system.apis[0].url + path
