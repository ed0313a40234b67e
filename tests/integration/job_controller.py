"""The real Job controller and garbage collector beside the API server: only the node is played."""

import socket
import subprocess
from collections.abc import Iterator

import pytest

from qmk_local import go_programs
from qmk_local.apiserver import RunningApiServer
from qmk_local.settings import Settings

CONTROLLERS = (
    "job-controller", "garbage-collector-controller", "ttl-after-finished-controller",
    "serviceaccount-controller", "namespace-controller",
)  # fmt: skip


@pytest.fixture(scope="session")
def job_controller(
    api_server: RunningApiServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[None]:
    """kube-controller-manager with what Jobs need, for the whole run."""
    program = go_programs.built(("cluster",), Settings.from_environment()).path(
        "kube-controller-manager"
    )
    log = tmp_path_factory.mktemp("controllers") / "kube-controller-manager.log"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                program, f"--kubeconfig={api_server.kubeconfig}", "--leader-elect=false",
                f"--controllers={','.join(CONTROLLERS)}", "--bind-address=127.0.0.1",
                f"--secure-port={port}", "--kube-api-qps=100", "--kube-api-burst=200",
                "--concurrent-job-syncs=20",
            ],
            stdout=output, stderr=output,
        )  # fmt: skip
    try:
        yield
    finally:
        process.kill()
        process.wait(timeout=10)
