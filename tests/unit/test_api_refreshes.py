"""Refreshes that cannot be started: told in the log, and to nobody else."""

import json
import logging

import pytest
from kubernetes import client

from qmk_api.adapters.refreshes import KubernetesRefreshes
from qmk_contract.names import CHANNEL_LABEL
from tests.loopback_server import LoopbackHandler, serving

JSON = "application/json"
SAID = "no refresh could be started, the next by the clock does it"


class Forbidding(LoopbackHandler):
    """An API server whose Role for us lacks something."""

    def do_GET(self) -> None:
        self.answer(403, b"{}")


class FailingForOne(LoopbackHandler):
    """An API server that takes the Jobs of all channels but the first."""

    def do_GET(self) -> None:
        names = ("master", "develop") if "/cronjobs" in self.path else ()
        items = [
            {
                "metadata": {"name": name, "uid": name, "labels": {CHANNEL_LABEL: name}},
                "spec": {"jobTemplate": {"spec": {}}},
            }
            for name in names
        ]
        self.answer(200, json.dumps({"items": items}).encode(), {"Content-Type": JSON})

    def do_POST(self) -> None:
        name = json.loads(self.body())["metadata"]["name"]
        self.answer(500 if name.startswith("master") else 201, b"{}", {"Content-Type": JSON})


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


async def test_a_channel_that_fails_does_not_stop_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    with serving(FailingForOne) as port:
        await refreshes(port).start(["master", "develop"])
    assert "refresh of channel master: not started, the next by the clock does it" in caplog.text
    assert "refresh of channel develop: started Job develop-p" in caplog.text
