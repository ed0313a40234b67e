"""The installed chart on the local cluster, brought up once for all tests of this tier."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from qmk_contract.names import COMPONENT_LABEL
from qmk_local.layout import HostLayout
from qmk_local.release import external_url
from tests.e2e.kubectl import Kubectl, local_kubectl
from tests.e2e.service import Service
from tests.waiting import wait_for

ROOT = Path(__file__).parents[2]
URL = external_url(HostLayout())
INSTALL_SECONDS = 3000  # from a bare machine; seconds where all of it runs


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.timeout(300, func_only=True))


@pytest.fixture(scope="session")
def kubectl() -> Kubectl:
    """Cluster, images, chart and demo firmware as `make demo` sets them up."""
    command = [sys.executable, "-m", "qmk_local", "install"]
    done = subprocess.run(command, cwd=ROOT, check=False, timeout=INSTALL_SECONDS)
    if done.returncode != 0:
        pytest.fail("the local cluster or the chart could not be brought up, see above")
    return local_kubectl()


@pytest.fixture(scope="session")
def service(kubectl: Kubectl) -> Iterator[Service]:
    with httpx.Client(timeout=30, trust_env=False) as http:
        wait_for(
            "the API to be ready",
            lambda: http.get(f"{URL}/readyz").status_code == 200,
            seconds=120,
        )
        yield Service(URL, http)


@pytest.fixture(autouse=True)
def explain(request: pytest.FixtureRequest, kubectl: Kubectl) -> Iterator[None]:
    """A failed test shows what the cluster looked like."""
    failures = request.session.testsfailed
    yield
    if request.session.testsfailed > failures:
        for words in (
            ["get", "compilejobs,jobs,pods", "--output=wide"],
            ["get", "events", "--sort-by=.lastTimestamp"],
            ["logs", "deployment/qmk-compile-operator", "--tail=40"],
            ["logs", f"--selector={COMPONENT_LABEL}=build", "--all-containers", "--tail=40"],
        ):
            sys.stdout.write(f"--- kubectl {' '.join(words)}\n{kubectl(*words)[-6000:]}\n")
