"""Settings: read once, checked whole, told clearly."""

import pytest

from qmk_contract.work_order import SandboxMode
from qmk_operator.settings import Settings, SettingsError
from tests.unit.operator_objects import ENVIRONMENT


def test_what_must_be_set_is_enough() -> None:
    settings = Settings.from_environment(ENVIRONMENT)
    assert (settings.namespace, settings.max_running, settings.infra_retries) == ("qmk", 2, 2)
    assert (settings.storage.bucket, settings.storage.region) == ("qmk", "us-east-1")
    assert settings.pod.priority_class is None
    assert (settings.pod.sandbox, settings.records) == (SandboxMode.REQUIRE, True)
    assert (settings.pod.run_as_user, settings.pod.run_as_group) == (65532, 65532)


def test_sandbox_and_records_can_be_chosen() -> None:
    chosen = {"QMK_SANDBOX": "prefer", "QMK_RECORDS": "false"}
    settings = Settings.from_environment({**ENVIRONMENT, **chosen})
    assert (settings.pod.sandbox, settings.records) == (SandboxMode.PREFER, False)


@pytest.mark.parametrize("name", ENVIRONMENT)
def test_what_must_be_set_is_asked_for(name: str) -> None:
    environment = {key: value for key, value in ENVIRONMENT.items() if key != name}
    with pytest.raises(SettingsError, match=f"{name}: not set"):
        Settings.from_environment(environment)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("QMK_NAMESPACE", "Not/A/Name"),
        ("QMK_TOOLCHAIN_IMAGE", "image with spaces"),
        ("QMK_TOOLCHAIN_DIGEST", "sha256:abc"),
        ("QMK_IMAGE_PULL_POLICY", "Sometimes"),
        ("QMK_MAX_RUNNING", "0"),
        ("QMK_MAX_RUNNING", "-1"),
        ("QMK_MAX_RUNNING", "many"),
        ("QMK_MAX_RUNNING", "٣"),
        ("QMK_INFRA_RETRIES", "3"),
        ("QMK_METRICS_PORT", "65536"),
        ("QMK_BUILD_MEMORY_LIMIT", "lots"),
        ("QMK_SCRATCH_SIZE_LIMIT", "2 Gi"),
        ("QMK_RUN_AS_USER", "0"),
        ("QMK_SANDBOX", "off"),
        ("QMK_RECORDS", "yes"),
        ("S3_ENDPOINT_URL", "storage:8333"),
        ("S3_ENDPOINT_URL", "http://storage/path?query"),
        ("S3_BUCKET", "Q"),
        ("S3_SECRET_KEY", "two words"),
    ],
)
def test_an_unfit_value_is_refused_by_name(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        Settings.from_environment({**ENVIRONMENT, name: value})


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({"QMK_MAX_RUNNING": "x", "S3_BUCKET": "Q"})
    text = str(caught.value)
    for name in (*ENVIRONMENT, "QMK_MAX_RUNNING", "S3_BUCKET"):
        assert name in text


def test_a_secret_is_never_told() -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.from_environment({**ENVIRONMENT, "S3_SECRET_KEY": "hush hush"})
    assert "hush" not in str(caught.value)
