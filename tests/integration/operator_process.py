"""The operator as a real ``kopf run`` process against the integration tier's servers."""

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from tests.integration.s3_server import ACCESS_KEY, BUCKET, SECRET_KEY
from tests.waiting import wait_for

TOOLCHAIN_DIGEST = "sha256:" + "7" * 64
READY_SECONDS = 40


@dataclass
class OperatorProcess:
    """One operator for one namespace; may be killed and started again."""

    namespace: str
    kubeconfig: Path
    storage_url: str
    log: Path
    changes: dict[str, str] = field(default_factory=dict)
    verbose: bool = False
    process: "subprocess.Popen[bytes] | None" = None
    health_port: int = 0
    metrics_port: int = 0

    def start(self) -> None:
        """Start it and wait until it is healthy and has listed everything."""
        self.health_port, self.metrics_port = _free_port(), _free_port()
        already = self.logged().count("work begins")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [
                    str(Path(sys.executable).with_name("kopf")), "run", "-m", "qmk_operator.main",
                    "--namespace", self.namespace,
                    *(["--verbose"] if self.verbose else []),
                    f"--liveness=http://127.0.0.1:{self.health_port}/healthz",
                ],
                env=self._environment(), stdout=log, stderr=log,
            )  # fmt: skip
        wait_for(
            f"the operator (see {self.log})",
            lambda: self.healthy() and self.logged().count("work begins") > already,
            seconds=READY_SECONDS,
        )

    def kill(self) -> None:
        """End it at once, as a lost node does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=10)
            self.process = None

    def terminate(self) -> int:
        """Ask it to end; returns the exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=30)
        self.process = None
        return code

    def pause(self) -> None:
        """Let it see nothing until ``resume``, as a network that is cut does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def restart(self) -> None:
        self.kill()
        self.start()

    def healthy(self) -> bool:
        """Whether it runs and answers its probe."""
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"the operator ended: {self.logged()[-2000:]}")
        return self._get(self.health_port, "/healthz").startswith("{")

    def metrics(self) -> str:
        return self._get(self.metrics_port, "/metrics")

    def _get(self, port: int, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as reply:
            return str(reply.read().decode())

    def logged(self) -> str:
        """All that it has written so far."""
        return self.log.read_text() if self.log.exists() else ""

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.log.parent),
            "KUBECONFIG": str(self.kubeconfig),
            "QMK_NAMESPACE": self.namespace,
            "QMK_TOOLCHAIN_IMAGE": "localhost/qmk-toolchain:test",
            "QMK_TOOLCHAIN_DIGEST": TOOLCHAIN_DIGEST,
            "QMK_MAX_RUNNING": "50",
            "QMK_METRICS_PORT": str(self.metrics_port),
            "S3_ENDPOINT_URL": self.storage_url,
            "S3_BUCKET": BUCKET,
            "S3_ACCESS_KEY": ACCESS_KEY,
            "S3_SECRET_KEY": SECRET_KEY,
            **self.changes,
        }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
