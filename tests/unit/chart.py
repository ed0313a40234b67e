"""The Helm chart, rendered in process: the one place that knows how."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from helm_python import Chart

ROOT = Path(__file__).parents[2]
CHART = ROOT / "charts/qmk-compile"
NAMESPACE = "keyboards"
RELEASE = "demo"
#: Below the chart's ci/ folder.
VALUES_FILES = ("minimal", "external", "everything")

Manifest = Mapping[str, Any]


@cache
def chart() -> Chart:
    return Chart.load(CHART)


@cache
def values_file(name: str) -> dict[str, Any]:
    """Values of a file below the chart's ci/ folder; shared, as are those of the next two."""
    text = (CHART / f"ci/{name}-values.yaml").read_text()
    values: dict[str, Any] = yaml.load(text, yaml.CSafeLoader)
    return values


@cache
def installed(name: str) -> list[Manifest]:
    """All manifests of a first install with one of those files."""
    return render(values_file(name))


@cache
def defaults() -> dict[str, Any]:
    values: dict[str, Any] = yaml.load((CHART / "values.yaml").read_text(), yaml.CSafeLoader)
    return values


def render(values: dict[str, Any], loaded: Chart | None = None) -> list[Manifest]:
    """All manifests of a first install with these values; raises `helm_python.HelmError`."""
    return [
        manifest
        for _, text in sorted(render_files(values, loaded).items())
        for manifest in yaml.load_all(text, yaml.CSafeLoader)
        if manifest is not None
    ]


def render_files(values: dict[str, Any], loaded: Chart | None = None) -> dict[str, str]:
    """Text of each manifest template; raises `helm_python.HelmError`."""
    files = (loaded or chart()).render(values, name=RELEASE, namespace=NAMESPACE)
    return {name: text for name, text in files.items() if name.endswith(".yaml")}


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def find(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    [found] = [item for item in of_kind(manifests, kind) if item["metadata"]["name"] == name]
    return found


def pods(manifests: list[Manifest]) -> dict[str, Manifest]:
    """Pod templates by the name of what makes pods of them."""
    specs = {
        f"{item['kind']}/{item['metadata']['name']}": item["spec"]
        for item in manifests
        if item["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "Job", "CronJob")
    }
    return {
        key: spec.get("jobTemplate", {"spec": spec})["spec"]["template"]
        for key, spec in specs.items()
    }


def containers_of(pod: Manifest) -> dict[str, Manifest]:
    """A pod's containers by name, in the order in which they start."""
    spec = pod["spec"]
    return {item["name"]: item for item in (*spec.get("initContainers", ()), *spec["containers"])}


def environment(pod: Manifest) -> dict[str, str]:
    """Variables of all of a pod's containers; what comes from elsewhere is replaced by a word."""
    return {
        item["name"]: item.get("value", _elsewhere(item["name"]))
        for container in containers_of(pod).values()
        for item in container.get("env", ())
    }


def _elsewhere(name: str) -> str:
    return "https://from.elsewhere/x" if name.endswith("_URL") else "from-elsewhere"


def leaves(values: Mapping[str, Any], whole: frozenset[str], at: str = "") -> Iterator[str]:
    """Dotted paths of all values; a mapping that is empty or named in ``whole`` is one value."""
    for key, value in values.items():
        path = f"{at}{key}"
        if isinstance(value, Mapping) and value and key not in whole:
            yield from leaves(value, whole, f"{path}.")
        else:
            yield path


def get(values: Mapping[str, Any], path: str) -> Any:
    found: Any = values
    for key in path.split("."):
        found = found[key]
    return found


def with_value(values: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of values with one of them set."""
    key, _, rest = path.partition(".")
    inner = with_value(values.get(key) or {}, rest, value) if rest else value
    return {**values, key: inner}
