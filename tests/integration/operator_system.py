"""Everything that an operator's test talks to, in a namespace of its own."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from kubernetes import client

from qmk_local.apiserver import RunningApiServer
from tests.integration.compile_jobs import CompileJobs
from tests.integration.operator_process import OperatorProcess
from tests.integration.played_node import PlayedNode
from tests.integration.published import publish
from tests.integration.s3_server import S3Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass
class OperatorSystem:
    """An operator, the objects of its namespace, the node of its pods, and its storage."""

    operator: OperatorProcess
    jobs: CompileJobs
    node: PlayedNode
    s3: "S3Client"


StartSystem = Callable[..., AbstractContextManager[OperatorSystem]]


@pytest.fixture(scope="session")
def start_system(
    api_server: RunningApiServer,
    api_client: client.ApiClient,
    job_controller: None,
    s3_server: S3Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> StartSystem:
    """Start an operator in a new namespace; arguments are environment variables of it."""

    @contextmanager
    def start(*, verbose: bool = False, **changes: str) -> Iterator[OperatorSystem]:
        namespace = f"test-{secrets.token_hex(4)}"
        metadata = {"name": namespace}
        api_server.client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
        publish(s3_server.client())
        log: Path = tmp_path_factory.mktemp("operator") / "operator.log"
        operator = OperatorProcess(
            namespace, api_server.kubeconfig, s3_server.url, log, changes, verbose
        )
        try:
            operator.start()
            yield OperatorSystem(
                operator,
                CompileJobs(api_client, namespace),
                PlayedNode(client.CoreV1Api(api_client), namespace),
                s3_server.client(),
            )
        finally:
            operator.kill()

    return start


@pytest.fixture(scope="module")
def system(start_system: StartSystem) -> Iterator[OperatorSystem]:
    """One operator with usual settings for all tests of a module."""
    with start_system() as started:
        yield started
