"""How the operator's process begins, and how it refuses to."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(120)


def test_unfit_settings_end_it_with_a_sentence_that_names_them_all(tmp_path: Path) -> None:
    ended = subprocess.run(
        [
            Path(sys.executable).with_name("kopf"), "run", "-m", "qmk_operator.main",
            "--namespace", "qmk",
        ],
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "KUBECONFIG": str(tmp_path / "none"),
            "QMK_NAMESPACE": "qmk",
            "QMK_MAX_RUNNING": "many",
        },
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode != 0
    sentence = ended.stderr.splitlines()[0]
    assert "Unfit settings" in sentence
    for name in ("QMK_TOOLCHAIN_IMAGE", "S3_ENDPOINT_URL", "QMK_MAX_RUNNING"):
        assert name in sentence
