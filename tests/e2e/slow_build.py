"""Builds of the slow board, which last as long as a test needs."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from qmk_contract.names import BUILD_CONTAINER
from tests.e2e.kubectl import Kubectl
from tests.e2e.service import Service
from tests.waiting import wait_for

#: Million samples of the slow board's curve; its build takes about a second for twelve of them.
SOME_SECONDS = 60
#: What sends a signal to the process that computes the curve, and says to which.
SIGNAL_AWK = """
pids=$(grep -lxE '[gm]?awk' /proc/[0-9]*/comm | tr -dc '0-9\\n')
kill -"$1" $pids && echo $pids
"""


def slow_keymap(service: Service, precision: int) -> dict[str, Any]:
    config = {"brightness_curve": {"precision": precision}}
    return service.keymap("demo/slow", "LAYOUT_ortho_2x3", 6, config=config)


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
