"""Fixtures of the integration tier: real servers, started once, ended with the run."""

from collections.abc import AsyncIterator

import pytest
from kubernetes import client, config

from qmk_api.adapters.artifacts import S3Artifacts, connect
from qmk_api.settings import StorageSettings
from qmk_local.apiserver import RunningApiServer
from tests.integration.apiserver import api_server, namespace
from tests.integration.job_controller import job_controller
from tests.integration.operator_system import start_system, system
from tests.integration.s3_server import ACCESS_KEY, BUCKET, SECRET_KEY, S3Server, s3_server

__all__ = [
    "api_client",
    "api_server",
    "job_controller",
    "namespace",
    "s3_server",
    "start_system",
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
