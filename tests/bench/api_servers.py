"""One API process over its own API server, S3 server and Redis: no cluster, no node."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kubernetes import config

from tests.integration.api_process import ApiSystem, running_apis
from tests.integration.apiserver import running_api_server
from tests.integration.redis_server import running_redis
from tests.integration.s3_server import running_s3_server


@contextmanager
def running_system() -> Iterator[ApiSystem]:
    """A ready system, set up as the chart does it, with one worker."""
    with tempfile.TemporaryDirectory(prefix="qmk-bench-") as name:
        folder = Path(name)
        parts = [folder / part for part in ("apiserver", "s3", "redis", "api")]
        for part in parts:
            part.mkdir()
        with (
            running_api_server(parts[0]) as api_server,
            running_s3_server(parts[1]) as s3_server,
            running_redis(parts[2]) as redis_server,
        ):
            api_client = config.new_client_from_config(  # type: ignore[no-untyped-call]
                str(api_server.kubeconfig)
            )
            changes = {
                "REDIS_HOST": "127.0.0.1",
                "REDIS_PORT": str(redis_server.port),
                "NUM_WORKERS": "1",
                "QMK_LOG_LEVEL": "WARNING",
            }
            with running_apis(1, api_server, api_client, s3_server, parts[3], **changes) as system:
                yield system
