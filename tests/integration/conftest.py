"""Fixtures of the integration tier: real servers, started once, ended with the run."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager

import pytest
from kubernetes import client, config

from qmk_api.adapters.artifacts import S3Artifacts, connect
from qmk_api.settings import StorageSettings
from qmk_local.apiserver import RunningApiServer
from tests.integration.api_process import ApiSystem, StartApis, running_apis
from tests.integration.apiserver import api_server, namespace
from tests.integration.demo_system import running_demo
from tests.integration.job_controller import job_controller
from tests.integration.operator_system import start_system, system
from tests.integration.redis_server import RedisServer, running_redis
from tests.integration.s3_server import (
    ACCESS_KEY,
    BUCKET,
    SECRET_KEY,
    S3Server,
    running_s3_server,
    s3_server,
)
from tests.integration.stored_pod import demo_manifest, stored_pod

__all__ = [
    "api_client",
    "api_server",
    "demo_manifest",
    "job_controller",
    "namespace",
    "s3_server",
    "start_system",
    "stored_pod",
    "system",
]


@pytest.fixture(scope="session")
def api_client(api_server: RunningApiServer) -> client.ApiClient:
    """The official client, with the credentials of the session's API server."""
    made = config.new_client_from_config(  # type: ignore[no-untyped-call]
        str(api_server.kubeconfig)
    )
    assert isinstance(made, client.ApiClient)
    return made


@pytest.fixture
async def stored(s3_server: S3Server) -> AsyncIterator[S3Artifacts]:
    """The bucket as the API sees it."""
    settings = StorageSettings(s3_server.url, BUCKET, "us-east-1", ACCESS_KEY, SECRET_KEY)
    made = S3Artifacts(connect(settings), BUCKET)
    yield made
    made.close()


@pytest.fixture(scope="module")
def start_apis(
    api_server: RunningApiServer,
    api_client: client.ApiClient,
    s3_server: S3Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> StartApis:
    """Starts API processes by number and variables, in a folder and a namespace of their own."""

    def start(count: int, **changes: str) -> AbstractContextManager[ApiSystem]:
        folder = tmp_path_factory.mktemp("api")
        return running_apis(count, api_server, api_client, s3_server, folder, **changes)

    return start


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A Redis for one module, which its tests may stop."""
    with running_redis(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(scope="module")
def started(
    start_apis: StartApis, redis_server: RedisServer
) -> Iterator[tuple[ApiSystem, RedisServer]]:
    """One API process for a module, and the Redis that it uses."""
    with start_apis(1, **redis_server.variables) as system:
        yield system, redis_server


@pytest.fixture(scope="module")
def demo(
    api_server: RunningApiServer,
    api_client: client.ApiClient,
    s3_server: S3Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ApiSystem]:
    """One API process over the published demo tree, whose builds are played."""
    folder = tmp_path_factory.mktemp("demo")
    with running_demo(api_server, api_client, s3_server, folder) as system:
        yield system


@pytest.fixture(scope="module")
def own_s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A server of one module's own: its tests may stop it, and what they remove is theirs."""
    with running_s3_server(tmp_path_factory.mktemp("s3")) as server:
        yield server
