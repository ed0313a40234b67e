"""Fixtures of the integration tier: real servers, started once, ended with the run."""

import pytest
from kubernetes import client, config

from qmk_local.apiserver import RunningApiServer
from tests.integration.apiserver import api_server, namespace

__all__ = ["api_client", "api_server", "namespace"]


@pytest.fixture(scope="session")
def api_client(api_server: RunningApiServer) -> client.ApiClient:
    """The official client, with the credentials of the session's API server."""
    made = config.new_client_from_config(  # type: ignore[no-untyped-call]
        str(api_server.kubeconfig)
    )
    assert isinstance(made, client.ApiClient)
    return made
