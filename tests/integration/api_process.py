"""The API as real ``python -m qmk_api`` processes against the integration tier's servers."""

import os
import secrets
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
from kubernetes import client

from qmk_contract.build_key import build_key
from qmk_contract.keymap import normalise_keymap
from qmk_contract.names import GROUP, PLURAL, VERSION
from qmk_local.apiserver import RunningApiServer
from tests.integration.compile_jobs import CompileJobs
from tests.integration.operator_process import TOOLCHAIN_DIGEST
from tests.integration.published import KEYBOARD, LAYOUT, publish
from tests.integration.s3_server import ACCESS_KEY, BUCKET, SECRET_KEY, S3Server
from tests.waiting import wait_for

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

READY_SECONDS = 60


@dataclass
class ApiProcess:
    """One API process on a port of its own."""

    environment: dict[str, str]
    log: Path
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "qmk_api"],
                env={**self.environment, "QMK_PORT": str(self.port)},
                stdout=log, stderr=log,
            )  # fmt: skip

    def wait_ready(self, ready: bool = True, seconds: float = READY_SECONDS) -> None:
        """Wait until it says that it is ready, or that it is not."""
        code = 200 if ready else 503
        wait_for(
            f"{code} from /readyz (see {self.log})",
            lambda: self.status("/readyz") == code,
            seconds=seconds,
        )

    def status(self, path: str) -> int | None:
        """Status code of a GET; None where nobody answers."""
        assert self.process is not None
        assert self.process.poll() is None, f"the API ended: {self.log.read_text()[-2000:]}"
        try:
            return httpx.get(self.url + path, timeout=10).status_code
        except httpx.TransportError:
            return None

    def memory_bytes(self) -> int:
        """Resident memory of the process."""
        assert self.process is not None
        statm = Path(f"/proc/{self.process.pid}/statm").read_text().split()
        return int(statm[1]) * os.sysconf("SC_PAGE_SIZE")

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=10)
            self.process = None

    def terminate(self) -> None:
        """Ask it to end; does not wait."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)


@dataclass
class ApiSystem:
    """API processes and all that they stand on, in a namespace and channel of their own."""

    apis: list[ApiProcess]
    jobs: CompileJobs
    s3: "S3Client"
    commit: str
    clients: list[httpx.Client] = field(default_factory=list)

    def compile_jobs(self) -> list[dict[str, Any]]:
        found: Any = client.CustomObjectsApi(self.jobs.api).list_namespaced_custom_object(
            GROUP, VERSION, self.jobs.namespace, PLURAL
        )
        return list(found["items"])

    def set_status(self, name: str, **status: Any) -> None:
        """What the operator would write."""
        client.CustomObjectsApi(self.jobs.api).patch_namespaced_custom_object_status(
            GROUP, VERSION, self.jobs.namespace, PLURAL, name, {"status": status}
        )

    def wait_for_redis(self, there: bool) -> None:
        """Wait until every process says that it uses Redis, or that it does not."""

        def all_say_so() -> bool:
            replies = [http.get("/readyz").json() for http in self.clients]
            return all(reply["checks"]["redis"] is there for reply in replies)

        wait_for(f"Redis in use: {there}", all_say_so, seconds=10)

    def key_of(self, body: dict[str, Any]) -> str:
        return build_key(
            firmware_commit=self.commit,
            toolchain_digest=TOOLCHAIN_DIGEST,
            keyboard=KEYBOARD,
            keymap=normalise_keymap(body),
            keymap_name="keymap",
        )


StartApis = Callable[..., AbstractContextManager[ApiSystem]]


def request_body(*codes: str, **changes: Any) -> dict[str, Any]:
    """A request that is accepted; other keycodes make another build."""
    layers = [[*codes, "KC_A", "KC_B", "KC_C"][:3]]
    return {"keyboard": KEYBOARD, "keymap": "mine", "layout": LAYOUT, "layers": layers, **changes}


@contextmanager
def running_apis(
    count: int, api_server: RunningApiServer, api_client: client.ApiClient, s3: S3Server,
    folder: Path, **changes: str,
) -> Iterator[ApiSystem]:  # fmt: skip
    """Start API processes; ``changes`` are environment variables of theirs."""
    namespace = f"test-{secrets.token_hex(4)}"
    commit = secrets.token_hex(20)
    metadata = {"name": namespace}
    api_server.client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    publish(s3.client(), commit, channel=namespace)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "KUBECONFIG": str(api_server.kubeconfig),
        "QMK_NAMESPACE": namespace,
        "QMK_TOOLCHAIN_DIGEST": TOOLCHAIN_DIGEST,
        "QMK_DEFAULT_CHANNEL": namespace,
        "QMK_CLIENT_SALT": "salt",
        "QMK_DRAIN_SECONDS": "0",
        "S3_ENDPOINT_URL": s3.url,
        "S3_BUCKET": BUCKET,
        "S3_ACCESS_KEY": ACCESS_KEY,
        "S3_SECRET_KEY": SECRET_KEY,
        **changes,
    }
    apis = [
        ApiProcess(environment, folder / f"api-{number}.log", _free_port())
        for number in range(count)
    ]
    clients = [httpx.Client(base_url=api.url, timeout=30) for api in apis]
    jobs = CompileJobs(api_client, namespace)
    try:
        for api in apis:
            api.start()
        for api in apis:
            api.wait_ready()
        yield ApiSystem(apis, jobs, s3.client(), commit, clients)
    finally:
        for http in clients:
            http.close()
        for api in apis:
            api.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
