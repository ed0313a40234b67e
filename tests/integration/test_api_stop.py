"""An API that ends without a drain: whoever watches a build is told, and holds nothing up."""

from collections.abc import Callable
from pathlib import Path

import pytest
from kubernetes import client

from qmk_local.apiserver import RunningApiServer
from tests.event_watcher import EventWatcher
from tests.integration.api_process import ApiProcess, request_body, running_apis
from tests.integration.s3_server import S3Server

#: Far less than the 25 seconds for which a request that goes on would be waited for.
END_SECONDS = 5


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({"QMK_DRAIN_SECONDS": "0"}, ApiProcess.terminate),
        ({"QMK_DRAIN_SECONDS": "0", "NUM_WORKERS": "2"}, ApiProcess.terminate),
        # Workers that lost their supervisor stop at once, however long a drain takes.
        ({"QMK_DRAIN_SECONDS": "20", "NUM_WORKERS": "2"}, ApiProcess.kill),
    ],
)
def test_streams_are_told_to_reconnect(
    api_server: RunningApiServer,
    api_client: client.ApiClient,
    s3_server: S3Server,
    tmp_path: Path,
    changes: dict[str, str],
    end: Callable[[ApiProcess], None],
) -> None:
    with running_apis(1, api_server, api_client, s3_server, tmp_path, **changes) as system:
        [api], [http] = system.apis, system.clients
        job_id = http.post("/v1/compile", json=request_body("KC_Z")).json()["job_id"]
        with EventWatcher(api.url, job_id) as watcher:
            watcher.wait_kind("status")
            end(api)
            watcher.wait_kind("reconnect", seconds=END_SECONDS)
            watcher.wait_ended(seconds=END_SECONDS)
        if api.process is not None:
            assert api.process.wait(timeout=END_SECONDS) == 0
        assert "Traceback" not in api.log.read_text()
