"""Values of an older release, as ``helm upgrade --reuse-values`` gives them."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from helm_python import Chart

from qmk_api.settings import Settings as ApiSettings
from tests.unit.chart import (
    CHART,
    defaults,
    environment,
    find,
    get,
    pods,
    render,
    values_file,
    with_value,
)

API = "Deployment/qmk-compile-api"
#: Values that came after the first release of the chart.
ADDED = (
    "channels",
    "refresh",
    "build.sandbox",
    "build.records",
    "build.scratchInMemory",
    "admissionPolicy",
    "webhooks",
    "discord",
    "api.githubApiUrl",
    "api.workers",
    "api.maxRequests",
    "api.maxRequestsJitter",
    "api.workerTimeoutSeconds",
    "api.limits",
)


def without(values: Mapping[str, Any], path: str) -> dict[str, Any]:
    """A copy of values that lacks one of them."""
    key, _, rest = path.partition(".")
    kept = {name: value for name, value in values.items() if name != key}
    return {**kept, key: without(values[key], rest)} if rest else kept


@pytest.fixture
def older(tmp_path: Path) -> Chart:
    """The chart as it is, over the values of its first release."""
    values: dict[str, Any] = defaults()
    for path in ADDED:
        values = without(values, path)
    copy = shutil.copytree(CHART, tmp_path / "chart", ignore=shutil.ignore_patterns("ci"))
    (copy / "values.yaml").write_text(yaml.safe_dump(values))
    return Chart.load(copy)


def test_values_of_an_older_release_make_the_same_service(older: Chart) -> None:
    minimal = values_file("minimal")
    before, after = render(minimal, older), render(minimal)
    assert [(item["kind"], item["metadata"]["name"]) for item in before] == [
        (item["kind"], item["metadata"]["name"]) for item in after
    ]
    given, whole = (environment(pods(manifests)[API]) for manifests in (before, after))
    assert given.items() < whole.items()
    assert ApiSettings.from_environment(given) == ApiSettings.from_environment(whole)


@pytest.mark.parametrize(
    "path", ["webhooks.existingSecret", "api.limits.queued", "api.workers", "channels"]
)
def test_what_came_later_can_be_set_at_the_upgrade(older: Chart, path: str) -> None:
    value = get(values_file("everything"), path)
    plain, changed = (
        render(values, older)
        for values in (
            values_file("minimal"),
            with_value(values_file("minimal"), path, value),
        )
    )
    name = "qmk-compile-api"
    assert find(plain, "Deployment", name) != find(changed, "Deployment", name)
