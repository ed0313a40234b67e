"""What the chart refuses, and what it says then."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from helm_python import HelmError

from tests.unit.chart import CHART, chart, defaults, render, values_file, with_value

SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())


def resolve(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = schema.get("$ref")
    return SCHEMA["definitions"][reference.rpartition("/")[2]] if reference else schema


def objects(schema: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every object that the schema describes, by its path."""
    schema = resolve(schema)
    if "items" in schema:
        yield from objects(schema["items"], f"{at}[]")
    if schema.get("type") == "object":
        yield at, schema
        for key, inner in schema.get("properties", {}).items():
            yield from objects(inner, f"{at}.{key}" if at else key)


def test_no_object_takes_unknown_keys() -> None:
    free = {path for path, schema in objects(SCHEMA) if schema["additionalProperties"] is not False}
    # Maps of labels and annotations, whose keys are the user's own, and what a parent chart shares.
    assert {path.rpartition(".")[2] for path in free} == {
        "annotations",
        "nodeSelector",
        "global",
        "matchLabels",
    }


def closed_levels() -> list[str]:
    return [
        path
        for path, schema in objects(SCHEMA)
        if schema["additionalProperties"] is False and "[]" not in path
    ]


@pytest.mark.parametrize("path", closed_levels())
def test_an_unknown_key_is_refused_by_its_name(path: str) -> None:
    values = with_value(values_file("minimal"), f"{path}.typo" if path else "typo", value=True)
    with pytest.raises(HelmError, match="typo"):
        chart().validate_schema(values)


def test_schema_and_defaults_have_the_same_keys() -> None:
    def compare(schema: Mapping[str, Any], values: Any, path: str) -> None:
        schema = resolve(schema)
        if isinstance(values, Mapping) and values and "properties" in schema:
            expected = schema["properties"].keys() - {"global"}
            if path.rpartition(".")[2] not in ("requests", "limits", "resources"):
                assert values.keys() == expected, path
            for key, inner in values.items():
                compare(schema["properties"][key], inner, f"{path}.{key}")

    compare(SCHEMA, defaults(), "")


def test_everything_in_the_schema_is_described() -> None:
    for path, schema in objects(SCHEMA):
        for key, inner in schema.get("properties", {}).items():
            described = resolve(inner).get("description") or "definitions" in path
            kubernetes = path.endswith(("[]", "matchExpressions", "Selector"))
            assert described or kubernetes, f"{path}.{key}"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("api.replicas", 0),
        ("api.replicas", "2"),
        ("api.service.type", "Nodeport"),
        ("api.service.nodePort", 70000),
        ("api.trustedProxies", -1),
        ("api.workers", 0),
        ("api.maxRequests", -1),
        ("api.workerTimeoutSeconds", 0),
        ("api.limits.compileRate", "20/day"),
        ("api.limits.converterRate", "lots"),
        ("api.limits.queued", -1),
        ("api.githubApiUrl", "ftp://example.com"),
        ("channels", [{"name": "master", "url": "https://example.com/x.git"}]),
        ("channels", [{"name": "Master!", "url": "https://example.com/x.git", "ref": "master"}]),
        ("channels", [{"name": "master", "url": "/srv/x.git", "ref": "master"}]),
        ("channels", [{"name": "a..b", "url": "https://example.com/x.git", "ref": "master"}]),
        ("channels", [{"name": "master", "url": "https://example.com/../x", "ref": "master"}]),
        ("channels", [{"name": "master", "url": "https://example.com/x.git", "ref": "a..b"}]),
        ("webhooks.existingSecret", "Not_A_Name"),
        ("refresh.schedule", "often"),
        ("refresh.schedule", "* * * *"),
        ("refresh.schedule", "TZ=UTC 0 0 * * *"),
        ("refresh.keepSeconds", 59),
        ("refresh.favourites", ["crkbd/../rev1"]),
        ("refresh.favourites", ["Crkbd"]),
        ("refresh.git.bytesMax", 1000),
        ("refresh.egressPorts", [0]),
        ("build.sandbox", "off"),
        ("build.records", "yes"),
        ("build.maxRunning", 0),
        ("build.timeoutSeconds", 3601),
        ("build.resources.limits.memory", "1 GB"),
        ("build.priorityClassName", "Not_A_Name"),
        ("crds.enabled", "yes"),
        ("externalUrl", "http://example.com/"),
        ("externalUrl", "javascript:alert(1)"),
        ("fullnameOverride", "Über"),
        ("fullnameOverride", "a" * 41),
        ("images.toolchain.digest", "sha256:short"),
        ("images.api.pullPolicy", "Sometimes"),
        ("images.api.reference", "localhost/qmk-api:1 --privileged"),
        ("redis.external.host", "redis://example.com"),
        ("s3.embedded.bucket", "../etc"),
        ("s3.embedded.sizeGiB", 1),
        ("s3.external.endpointUrl", "https://user:word@example.com"),
        ("networkPolicy.dns", []),
        ("networkPolicy.dns", [{"podSelector": {"labels": {}}}]),
    ],
)
def test_a_value_out_of_bounds_is_refused(path: str, value: Any) -> None:
    with pytest.raises(HelmError, match=path.split(".")[-1]):
        chart().validate_schema(with_value(values_file("minimal"), path, value))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("images.operator.reference", "", "images.operator.reference is required"),
        ("images.seaweedfs.reference", "", "images.seaweedfs.reference is required"),
        ("images.toolchain.reference", "x/y:1", "images.toolchain.digest is required"),
        ("images.toolchain.digest", "sha256:" + "f" * 64, "digest differs from the digest in"),
        ("api.drainSeconds", 25, "api.drainSeconds must be less than"),
    ],
)
def test_values_that_do_not_fit_are_explained(path: str, value: Any, message: str) -> None:
    with pytest.raises(HelmError, match=message):
        render(with_value(values_file("minimal"), path, value))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("s3.external.endpointUrl", "s3.external.endpointUrl is required"),
        ("s3.external.existingSecret", "s3.external.existingSecret is required"),
    ],
)
def test_an_external_store_must_be_complete(path: str, message: str) -> None:
    with pytest.raises(HelmError, match=message):
        render(with_value(values_file("external"), path, ""))


def test_an_external_store_must_say_where_it_is_unless_nothing_is_closed() -> None:
    values = with_value(values_file("external"), "s3.external.egress", [])
    with pytest.raises(HelmError, match=r"s3\.external\.egress is required"):
        render(values)
    assert render(with_value(values, "networkPolicy.enabled", value=False))
