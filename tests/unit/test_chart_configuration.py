"""docs/configuration.md says the truth about values and environment variables."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
import yaml

from qmk_api.settings import Settings as ApiSettings
from qmk_operator.settings import Settings as OperatorSettings
from tests.unit.chart import (
    CHART,
    ROOT,
    defaults,
    environment,
    get,
    installed,
    leaves,
    pods,
    render,
    values_file,
)

PAGE = (ROOT / "docs/configuration.md").read_text()
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
VALUES = "Values of the chart"
WHOLE = frozenset({"annotations", "nodeSelector", "resources", "uploadResources"})
REQUIRED = {
    "QMK_NAMESPACE": "keyboards",
    "QMK_TOOLCHAIN_IMAGE": "registry.example.com/qmk-toolchain:0.1.0",
    "QMK_TOOLCHAIN_DIGEST": "sha256:" + "0" * 64,
    "S3_ENDPOINT_URL": "http://qmk-compile-s3:8333",
    "S3_ACCESS_KEY": "access",
    "S3_SECRET_KEY": "secret",
    # Random where it is not given, which would make every two settings differ.
    "QMK_CLIENT_SALT": "salt",
}
PROGRAMS: Mapping[str, Callable[[Mapping[str, str]], Any]] = {
    "operator": OperatorSettings.from_environment,
    "API": ApiSettings.from_environment,
}


class Recorder(dict[str, str]):
    """An environment that knows what was asked of it."""

    def __init__(self, values: Mapping[str, str]) -> None:
        super().__init__(values)
        self.asked: set[str] = set()

    def get(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return super().get(key, default)


def table(heading: str) -> dict[str, list[str]]:
    """Rows of the first table below a heading, by their first cell."""
    _, _, section = PAGE.partition(f"\n## {heading}\n")
    rows = re.findall(r"^\| `(.+)$", section.partition("\n## ")[0], re.MULTILINE)
    cells = ([cell.strip().strip("`") for cell in row.split("|")] for row in rows)
    return {first: rest for first, *rest in cells}


def variables(program: str) -> dict[str, str]:
    return {name: row[0] for name, row in table(f"Environment of the {program}").items()}


def asked_for(program: str) -> set[str]:
    environment = Recorder(REQUIRED)
    PROGRAMS[program](environment)
    return environment.asked


def test_every_value_is_listed_once() -> None:
    assert list(table(VALUES)) == list(leaves(defaults(), WHOLE))


def test_listed_defaults_are_the_chart_s() -> None:
    listed = {path: yaml.safe_load(row[0]) for path, row in table(VALUES).items()}
    assert listed == {path: get(defaults(), path) for path in listed}


def bounds(schema: Mapping[str, Any], at: str = "") -> Iterator[tuple[str, str]]:
    for key, inner in schema.get("properties", {}).items():
        if inner.get("type") == "integer":
            yield f"{at}{key}", f"{inner['minimum']} to {inner['maximum']}"
        yield from bounds(inner, f"{at}{key}.")


def test_listed_bounds_are_the_schema_s() -> None:
    rows = table(VALUES)
    for path, words in bounds(SCHEMA):
        assert words in rows[path][1], path


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_variable_that_a_program_reads_is_listed(program: str) -> None:
    assert asked_for(program) == variables(program).keys()


@pytest.mark.parametrize("program", PROGRAMS)
def test_variables_without_a_default_are_the_required_ones(program: str) -> None:
    required = {name for name, default in variables(program).items() if default == "required"}
    assert required == asked_for(program) & REQUIRED.keys() - {"QMK_CLIENT_SALT"}
    for name in required:
        with pytest.raises(ValueError, match=name):
            PROGRAMS[program]({**REQUIRED, name: ""})


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_listed_default_is_what_a_program_takes(program: str) -> None:
    given = {
        name: default
        for name, default in variables(program).items()
        if default not in ("required", "none", "random")
    }
    assert PROGRAMS[program](REQUIRED | given) == PROGRAMS[program](REQUIRED)


@pytest.mark.parametrize(("program", "workload"), [("operator", "operator"), ("API", "api")])
def test_the_chart_sets_only_what_a_program_reads(program: str, workload: str) -> None:
    given = environment(pods(installed("minimal"))[f"Deployment/qmk-compile-{workload}"])
    # kopf reads USER.
    assert given.keys() - {"USER"} <= asked_for(program)


def test_a_value_s_variable_carries_it() -> None:
    other = values_file("everything")
    templates = pods(render(other)) | pods(installed("external"))
    carried: dict[str, set[str]] = {}
    for template in templates.values():
        for name, value in environment(template).items():
            carried.setdefault(name, set()).add(value)
    rows = table(VALUES)
    for path, row in rows.items():
        if row[2]:
            sources = [values_file(name) for name in ("everything", "external", "minimal")]
            values = {_text(get(values, path)) for values in sources if _has(values, path)}
            assert values & carried[row[2]], path


def _text(value: Any) -> str:
    if isinstance(value, list | bool):
        return json.dumps(value, separators=(",", ":"), sort_keys=True)
    return str(value)


def _has(values: Mapping[str, Any], path: str) -> bool:
    try:
        get(values, path)
    except KeyError:
        return False
    return True
