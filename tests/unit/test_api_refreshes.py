"""Refreshes that cannot be started: told in the log, and to nobody else."""

import pytest
from kubernetes import client

from qmk_api.adapters.refreshes import KubernetesRefreshes
from tests.loopback_server import LoopbackHandler, serving

SAID = "no refresh could be started, the next by the clock does it"


class Forbidding(LoopbackHandler):
    """An API server whose Role for us lacks something."""

    def do_GET(self) -> None:
        self.answer(403, b"{}")


def refreshes(port: int) -> KubernetesRefreshes:
    configuration = client.Configuration(host=f"http://127.0.0.1:{port}")
    return KubernetesRefreshes(client.ApiClient(configuration), "qmk")


async def test_a_cluster_that_is_away_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    await refreshes(1).start(["master"])
    assert SAID in caplog.text


async def test_a_role_that_lacks_something_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with serving(Forbidding) as port:
        await refreshes(port).start(["master"])
    assert f"{SAID}: Forbidden" in caplog.text
