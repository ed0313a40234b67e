"""What the chart makes of its values."""

import re
import shutil
import tarfile
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from helm_python import Chart, HelmError, lint

from qmk_api.settings import LimitSettings, ProcessSettings
from qmk_api.settings import Settings as ApiSettings
from qmk_contract.channels import ChannelSource
from qmk_operator.settings import Settings as OperatorSettings
from tests.unit.chart import (
    CHART,
    NAMESPACE,
    RELEASE,
    ROOT,
    VALUES_FILES,
    defaults,
    environment,
    find,
    get,
    installed,
    leaves,
    of_kind,
    pods,
    render,
    render_files,
    values_file,
    with_value,
)

CRD = ROOT / "crds/compilejobs.yaml"
OPERATOR = "qmk-compile-operator"
API = "qmk-compile-api"
WHOLE = frozenset({"annotations", "nodeSelector", "resources", "uploadResources"})


@pytest.fixture
def minimal() -> dict[str, Any]:
    return values_file("minimal")


def test_an_install_with_images_alone_brings_everything(minimal: dict[str, Any]) -> None:
    names = {(item["kind"], item["metadata"]["name"]) for item in render(minimal)}
    assert names >= {
        ("CustomResourceDefinition", "compilejobs.qmk.fm"),
        ("Deployment", OPERATOR),
        ("Deployment", API),
        ("Service", API),
        ("PodDisruptionBudget", API),
        ("StatefulSet", "qmk-compile-s3"),
        ("Service", "qmk-compile-s3"),
        ("Secret", "qmk-compile-s3"),
        ("Deployment", "qmk-compile-redis"),
        ("NetworkPolicy", "qmk-compile-build"),
        ("Job", "qmk-compile-test-readyz"),
    }


def test_external_stores_bring_neither_server() -> None:
    manifests = installed("external")
    assert not [item for item in manifests if item["metadata"]["name"].endswith(("-s3", "-redis"))]
    env = environment(find(manifests, "Deployment", API)["spec"]["template"])
    assert env["S3_ENDPOINT_URL"] == "https://s3.example.com"
    assert (env["REDIS_HOST"], env["REDIS_PORT"]) == ("cache.example.com", "6380")


def test_redis_can_be_left_out(minimal: dict[str, Any]) -> None:
    manifests = render(with_value(minimal, "redis.enabled", value=False))
    assert not [item for item in manifests if item["metadata"]["name"].endswith("-redis")]
    assert "REDIS_HOST" not in environment(pods(manifests)[f"Deployment/{API}"])


@pytest.mark.parametrize("name", VALUES_FILES)
def test_no_two_objects_share_a_name(name: str) -> None:
    names = [(item["kind"], item["metadata"]["name"]) for item in installed(name)]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", VALUES_FILES)
def test_selectors_find_their_own_pods_only(name: str) -> None:
    manifests = installed(name)
    labels = {key: pod["metadata"]["labels"] for key, pod in pods(manifests).items()}
    for item in of_kind(manifests, "Service"):
        selector = item["spec"]["selector"].items()
        assert len([key for key, found in labels.items() if selector <= found.items()]) == 1, item
    for kind in ("Deployment", "StatefulSet"):
        for item in of_kind(manifests, kind):
            selector = item["spec"]["selector"]["matchLabels"].items()
            found = [key for key, theirs in labels.items() if selector <= theirs.items()]
            assert found == [f"{kind}/{item['metadata']['name']}"]


@pytest.mark.parametrize("name", VALUES_FILES)
def test_the_operator_and_the_api_accept_their_environment(name: str) -> None:
    values = values_file(name)
    full = values.get("fullnameOverride", "qmk-compile")
    templates = pods(render(values))
    digest = {"QMK_TOOLCHAIN_DIGEST": "sha256:" + "0" * 64}
    operator = environment(templates[f"Deployment/{full}-operator"])
    api = environment(templates[f"Deployment/{full}-api"])
    assert operator.keys() & api.keys() >= digest.keys()
    operator_settings = OperatorSettings.from_environment(operator)
    api_settings = ApiSettings.from_environment(api)
    assert operator_settings.pod.image_digest == api_settings.toolchain_digest
    assert operator_settings.storage.bucket == api_settings.storage.bucket


def test_numbers_arrive_as_they_were_written() -> None:
    templates = pods(installed("everything"))
    operator = OperatorSettings.from_environment(
        environment(templates["Deployment/firmware-operator"])
    )
    assert (operator.max_running, operator.pod.log_bytes) == (1000, 2097152)
    assert operator.pod.build.cpu_limit == "4"
    api = ApiSettings.from_environment(environment(templates["Deployment/firmware-api"]))
    assert (api.body_bytes_max, api.compile_timeout_seconds) == (2097152, 600)
    assert api.process == ProcessSettings(4, 100_000, 10_000, 90)
    assert api.limits == LimitSettings("20/second", "0", 50, 2500)
    assert api.max_running == operator.max_running


def test_channels_and_secrets_reach_the_api() -> None:
    template = pods(installed("everything"))["Deployment/firmware-api"]
    api = ApiSettings.from_environment(environment(template))
    channel = ChannelSource("develop", "https://git.example.com/qmk_firmware.git", "develop")
    assert api.webhooks.channels[0] == channel
    assert [channel.name for channel in api.webhooks.channels] == ["develop", "my_fork.next"]
    assert len(api.webhooks.secrets) == 2
    assert api.webhooks.discord_error_url == "https://from.elsewhere/x"
    optional = {
        item["name"]: item["valueFrom"]["secretKeyRef"]["optional"]
        for item in template["spec"]["containers"][0]["env"]
        if "optional" in item.get("valueFrom", {}).get("secretKeyRef", {})
    }
    assert [name for name, may_miss in optional.items() if not may_miss] == [
        "GITHUB_WEBHOOK_SECRET"
    ]


def test_images_are_the_ones_that_were_named(minimal: dict[str, Any]) -> None:
    images = {
        key: container["image"]
        for key, pod in pods(render(minimal)).items()
        for container in pod["spec"]["containers"]
    }
    assert images == {
        f"Deployment/{OPERATOR}": "registry.example.com/qmk-operator:0.1.0",
        f"Deployment/{API}": "registry.example.com/qmk-api:0.1.0",
        "StatefulSet/qmk-compile-s3": "registry.example.com/qmk-seaweedfs:0.1.0",
        "Deployment/qmk-compile-redis": "registry.example.com/qmk-redis:0.1.0",
        "Job/qmk-compile-test-readyz": "registry.example.com/qmk-api:0.1.0",
    }


def test_every_value_matters(tmp_path: Path) -> None:
    """Each value, changed alone, changes what one of the installations consists of."""
    # Without the schema, which takes longer than all else and has tests of its own.
    quick = Chart.load(
        shutil.copytree(
            CHART, tmp_path / "chart", ignore=shutil.ignore_patterns("values.schema.json", "ci")
        )
    )
    bases = [values_file(name) for name in VALUES_FILES]
    bases.append(with_value(bases[0], "channels", values_file("everything")["channels"]))
    bases.append(with_value(bases[2], "admissionPolicy.enabled", value=True))
    bases.append(with_value(bases[0], "s3.embedded.persistence.enabled", value=True))
    bases.append(with_value(bases[0], "api.service.type", "LoadBalancer"))
    before = [_visible(quick, base) for base in bases]
    other = values_file("everything")
    changes = {path: get(other, path) for path in leaves(defaults(), WHOLE)}
    changes |= {"s3.embedded.enabled": False, "redis.enabled": False}
    changes |= {"refresh.enabled": False, "networkPolicy.enabled": False}
    changes |= {"redis.external.host": "redis.example.com"}
    assert [path for path, value in changes.items() if value == get(defaults(), path)] == []
    assert [
        path
        for path, value in changes.items()
        if all(
            _visible(quick, with_value(base, path, value)) in (None, unchanged)
            for base, unchanged in zip(bases, before, strict=True)
        )
    ] == []


def _visible(loaded: Chart, values: dict[str, Any]) -> dict[str, str] | None:
    """Manifests but for random content; None where these values do not fit together."""
    try:
        files = render_files(values, loaded)
    except HelmError:
        return None
    return {
        name: re.sub("(password|Key|Salt|redis.conf): .*", "", text) for name, text in files.items()
    }


def test_the_crd_is_the_one_source(minimal: dict[str, Any]) -> None:
    assert of_kind(render(minimal), "CustomResourceDefinition") == [yaml.safe_load(CRD.read_text())]


def test_the_crd_can_be_left_to_others(minimal: dict[str, Any]) -> None:
    manifests = render(with_value(minimal, "crds.enabled", value=False))
    assert of_kind(manifests, "CustomResourceDefinition") == []


def test_a_chart_without_its_crd_refuses_to_render(minimal: dict[str, Any], tmp_path: Path) -> None:
    copy = tmp_path / "qmk-compile"
    shutil.copytree(CHART, copy, symlinks=True, ignore=shutil.ignore_patterns("crds"))
    shutil.copy(CHART / "templates/crds.yaml", copy / "templates/crds.yaml")
    with pytest.raises(HelmError, match="files/crds holds no CustomResourceDefinition"):
        render(minimal, Chart.load(copy))


def test_a_package_carries_the_crd_and_no_test_values(tmp_path: Path) -> None:
    with tarfile.open(Chart.load(CHART).save(tmp_path)) as archive:
        crd = archive.extractfile("qmk-compile/files/crds/compilejobs.yaml")
        assert crd is not None
        assert crd.read() == CRD.read_bytes()
        assert not [name for name in archive.getnames() if "/ci/" in name]


def test_versions_are_the_package_s() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    metadata = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert {metadata["version"], metadata["appVersion"]} == {project["version"]}


def test_helm_lint_is_content(minimal: dict[str, Any]) -> None:
    assert lint(CHART, minimal)["errors"] == []


def test_objects_are_named_after_the_release_and_its_namespace() -> None:
    manifests = installed("everything")
    for item in manifests:
        assert item["metadata"]["name"].startswith("firmware-")
        assert item["metadata"]["labels"]["app.kubernetes.io/instance"] == RELEASE
    for item in of_kind(manifests, "RoleBinding"):
        assert item["subjects"][0]["namespace"] == NAMESPACE
