"""The OpenAPI document is true: schemathesis finds nothing that the process does otherwise."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.build_pod import ROOT
from tests.integration.api_process import ApiSystem

RUN_SECONDS = 180


@pytest.mark.timeout(RUN_SECONDS + 60)
def test_schemathesis_finds_nothing(demo: ApiSystem, tmp_path: Path) -> None:
    run = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            "--config-file", ROOT / "tests/integration/schemathesis.toml",
            "run", f"{demo.apis[0].url}/openapi.json", "--checks", "all",
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
