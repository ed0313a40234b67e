"""The API over the demo firmware, with operator and pods played: every keymap is built at once."""

import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kubernetes import client

from qmk_contract import artifacts
from qmk_contract.build_key import request_document
from qmk_contract.codec import to_body
from qmk_contract.keyboard_status import KeyboardStatus
from qmk_contract.keymap import normalise_keymap
from qmk_contract.phases import Phase, Reason
from qmk_contract.result import Artifact
from qmk_local.apiserver import RunningApiServer
from qmk_tasks.containment import Containment
from qmk_tasks.snapshot import snapshot
from tests.integration.api_process import ApiSystem, running_apis
from tests.integration.github_server import running_github
from tests.integration.published import put, put_json, upload
from tests.integration.redis_server import running_redis
from tests.integration.s3_server import ACCESS_KEY, BUCKET, SECRET_KEY, S3Server
from tests.integration.working_copy import PACKAGES, SEARCH_PATH, working_copy

COMMIT = "d" * 64
CHANNEL = "demo"
KEYBOARD = "clueboard/66/rev3"
LOG = b"Compiling: keymap.c\n"
KEYMAP_C = b"#include QMK_KEYBOARD_H\n"
TESTED = 1_795_507_200


@contextmanager
def running_demo(
    api_server: RunningApiServer, api_client: client.ApiClient, s3: S3Server, folder: Path
) -> Iterator[ApiSystem]:
    """One API process on the demo firmware, and somebody who builds."""
    publish_demo(s3, folder)
    with (
        running_redis(folder) as redis,
        running_github() as github,
        running_apis(
            1, api_server, api_client, s3, folder, QMK_DEFAULT_CHANNEL=CHANNEL,
            REDIS_HOST="127.0.0.1", REDIS_PORT=str(redis.port),
            QMK_COMPILE_RATE="0", QMK_CONVERTER_RATE="0", QMK_EXTERNAL_URL="http://127.0.0.1:8080",
            GITHUB_WEBHOOK_SECRET="a-secret", QMK_GITHUB_API_URL=github.url,
        ) as system,
        everything_built(system),
    ):  # fmt: skip
        yield system
    s3.client().delete_object(Bucket=BUCKET, Key=artifacts.keyboard_status(KEYBOARD))


def publish_demo(s3: S3Server, folder: Path) -> None:
    """Publish the demo firmware, and that one of its keyboards builds."""
    tree = working_copy(folder / "tree")
    work, plan = folder / "work", folder / "plan"
    objects, contained = work / COMMIT / "objects", Containment(SEARCH_PATH)
    snapshot.build(tree, COMMIT, objects, home=folder / "home", containment=contained)
    plan.mkdir()
    channel = ("--channel", CHANNEL, "--commit", COMMIT)
    for step in (("plan", *channel), ("publish", f"--work={work}")):
        subprocess.run(
            [sys.executable, "-m", "qmk_tasks", *step, f"--plan={plan}"],
            env={
                "PATH": SEARCH_PATH, "PYTHONPATH": PACKAGES, "S3_ENDPOINT_URL": s3.url,
                "S3_BUCKET": BUCKET, "S3_ACCESS_KEY": ACCESS_KEY, "S3_SECRET_KEY": SECRET_KEY,
            },
            check=True, capture_output=True, timeout=60,
        )  # fmt: skip
    status = KeyboardStatus(True, False, TESTED, "Compiling: keymap.c\n")
    put_json(s3.client(), artifacts.keyboard_status(KEYBOARD), to_body(status))


@contextmanager
def everything_built(system: ApiSystem) -> Iterator[None]:
    """While this is open, every CompileJob that is created succeeds soon."""
    ended = threading.Event()
    faults: list[Exception] = []

    def build_all() -> None:
        try:
            while not ended.wait(0.05):
                for job in system.compile_jobs():
                    if job.get("status", {}).get("phase") != Phase.SUCCEEDED:
                        _build(system, job["metadata"]["name"], job["spec"])
        except Exception as error:  # noqa: BLE001 - raised again in the test's own thread
            faults.append(error)

    thread = threading.Thread(target=build_all)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=30)
    if faults:
        raise faults[0]


def _build(system: ApiSystem, key: str, spec: dict[str, Any]) -> None:
    """What operator and pod leave of a build that went well."""
    s3, keyboard = system.s3, spec["keyboard"]
    document = request_document(keyboard, normalise_keymap(spec["keymap"]), "any")
    put_json(s3, artifacts.build(key, artifacts.REQUEST), document)
    put(s3, artifacts.build(key, artifacts.LOG), LOG, artifacts.TEXT)
    put(s3, artifacts.build(key, artifacts.KEYMAP_C), KEYMAP_C, artifacts.C_SOURCE)
    upload(
        s3,
        key,
        keyboard=keyboard,
        firmware_commit=COMMIT,
        command=("qmk", "compile", "request.json"),
        log=_artifact(LOG),
        keymap_c=_artifact(KEYMAP_C),
        times={"fetch": 41, "compile": 912},
    )
    system.set_status(key, phase=Phase.SUCCEEDED, reason=Reason.COMPLETED, message="built")


def _artifact(content: bytes) -> Artifact:
    return Artifact(len(content), hashlib.sha256(content).hexdigest())
