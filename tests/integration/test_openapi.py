"""The OpenAPI document is true: schemathesis finds nothing that the process does otherwise."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes import client

from qmk_local.apiserver import RunningApiServer
from tests.build_pod import ROOT
from tests.integration.api_process import ApiSystem
from tests.integration.demo_system import running_demo
from tests.integration.s3_server import S3Server

RUN_SECONDS = 180


@pytest.fixture(scope="module")
def system(
    api_server: RunningApiServer,
    api_client: client.ApiClient,
    s3_server: S3Server,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ApiSystem]:
    folder = tmp_path_factory.mktemp("openapi")
    with running_demo(api_server, api_client, s3_server, folder) as system:
        yield system


@pytest.mark.timeout(RUN_SECONDS + 60)
def test_schemathesis_finds_nothing(system: ApiSystem, tmp_path: Path) -> None:
    run = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            "--config-file", ROOT / "tests/integration/schemathesis.toml",
            "run", f"{system.apis[0].url}/openapi.json", "--checks", "all",
            "--phases", "examples,coverage,fuzzing,stateful",
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    unreached = run.stdout.partition("Reachable via links")[2]
    assert not unreached, f"keymaps that were sent made no job: {unreached}"
