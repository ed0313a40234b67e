"""A real API server for the integration tests: etcd and kube-apiserver, no node."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from qmk_local import apiserver, go_programs
from qmk_local.apiserver import RunningApiServer
from qmk_local.settings import CLONE, Settings
from tests.conftest import refuse_foreign_context

CRD_FILE = CLONE / "crds/compilejobs.yaml"


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApiServer]:
    """A ready API server with the CompileJob type, for the whole run."""
    with running_api_server(tmp_path_factory.mktemp("apiserver")) as running:
        yield running


@contextmanager
def running_api_server(state: Path) -> Iterator[RunningApiServer]:
    """A ready API server with the CompileJob type; all it has lies below ``state``."""
    settings = Settings.from_environment()
    programs = go_programs.built(("cluster",), settings)
    running = apiserver.start(state, programs, settings)
    try:
        refuse_foreign_context(yaml.safe_load(running.kubeconfig.read_text())["current-context"])
        crd = yaml.safe_load(CRD_FILE.read_text())
        running.client.apply(crd)
        running.client.wait_established(crd, timeout_s=20)
        yield running
    finally:
        running.stop()


@pytest.fixture
def namespace(api_server: RunningApiServer) -> str:
    """A namespace of this test's own; it goes with the API server."""
    name = f"test-{secrets.token_hex(4)}"
    api_server.client.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name
