"""The CustomResourceDefinition and the Python types say the same."""

import dataclasses
import re
import types
import typing
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
import yaml

from qmk_contract import artifacts, keymap, names, patterns
from qmk_contract.compile_job import (
    DEFAULT_CHANNEL,
    DEFAULT_TIMEOUT_SECONDS,
    DEFAULT_TTL_SECONDS,
    MESSAGE_LENGTH_MAX,
    CompileJobSpec,
    CompileJobStatus,
)
from qmk_contract.keymap_fields import BUILD_FIELDS
from qmk_contract.phases import ConditionType, JobClass, Phase, Reason
from qmk_contract.result import DIAGNOSTICS_MAX, Step

CRD = yaml.safe_load((Path(__file__).parents[2] / "crds/compilejobs.yaml").read_text())
VERSION = CRD["spec"]["versions"][0]
SCHEMA = VERSION["schema"]["openAPIV3Schema"]["properties"]
SPEC = SCHEMA["spec"]["properties"]
STATUS = SCHEMA["status"]["properties"]
KINDS = {str: "string", int: "integer", bool: "boolean", datetime: "string"}


def fields(cls: type[Any]) -> dict[str, tuple[Any, bool]]:
    """Wire name -> (type, required) of a dataclass's fields."""
    hints = typing.get_type_hints(cls)
    found = {}
    for field in dataclasses.fields(cls):
        first, *rest = field.name.split("_")
        name = field.metadata.get("name", first + "".join(part.title() for part in rest))
        required = (
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        )
        found[name] = (hints[field.name], required)
    return found


def assert_same(cls: type[Any], schema: dict[str, Any], where: str) -> None:
    described = schema["properties"]
    assert set(described) == set(fields(cls)), where
    required = {name for name, (_, needed) in fields(cls).items() if needed}
    assert set(schema.get("required", [])) == required, where
    for name, (hint, _) in fields(cls).items():
        assert_type(hint, described[name], f"{where}.{name}")


def assert_type(hint: Any, schema: dict[str, Any], where: str) -> None:
    if isinstance(hint, types.UnionType):
        hint = next(arg for arg in typing.get_args(hint) if arg is not type(None))
    origin = typing.get_origin(hint)
    if origin is tuple:
        assert schema["type"] == "array", where
        assert "maxItems" in schema, where
        assert_type(typing.get_args(hint)[0], schema["items"], f"{where}[]")
    elif origin is not None:
        assert schema["type"] == "object", where
    elif dataclasses.is_dataclass(hint):
        assert_same(typing.cast("type[Any]", hint), schema, where)
    elif issubclass(hint, Enum):
        assert schema["type"] == "string", where
        allowed = schema.get("enum")
        assert allowed is None or allowed == [item.value for item in hint], where
    else:
        assert schema["type"] == KINDS[hint], where


def test_group_kind_and_plural_are_the_contracts() -> None:
    assert CRD["spec"]["group"] == names.GROUP
    assert CRD["spec"]["names"]["kind"] == names.KIND
    assert CRD["spec"]["names"]["plural"] == names.PLURAL
    assert VERSION["name"] == names.VERSION


def test_the_spec_has_the_types_fields() -> None:
    assert_same(CompileJobSpec, SCHEMA["spec"], "spec")


def test_the_status_has_the_types_fields() -> None:
    assert_same(CompileJobStatus, SCHEMA["status"], "status")


def test_the_closed_sets_are_the_same() -> None:
    assert STATUS["phase"]["enum"] == [phase.value for phase in Phase]
    assert SPEC["class"]["enum"] == [item.value for item in JobClass]
    assert set(STATUS["times"]["properties"]) == set(Step)
    types = STATUS["conditions"]["items"]["properties"]["type"]["enum"]
    assert types == [item.value for item in ConditionType]
    assert all(re.fullmatch(STATUS["reason"]["pattern"], reason) for reason in Reason)


def test_the_keymap_has_the_fields_that_are_built() -> None:
    assert set(SPEC["keymap"]["properties"]) == {"layout", "layers", *BUILD_FIELDS}


@pytest.mark.parametrize(
    ("schema", "pattern"),
    [
        (SPEC["keyboard"], patterns.KEYBOARD_PATTERN),
        (SPEC["keymapName"], patterns.NAME_PATTERN),
        (SPEC["channel"], artifacts.CHANNEL_PATTERN),
        (SPEC["firmwareCommit"], artifacts.COMMIT_PATTERN),
        (SPEC["keymap"]["properties"]["layout"], keymap.LAYOUT_PATTERN),
        (STATUS["buildKey"], patterns.KEY_PATTERN),
    ],
)
def test_patterns_accept_the_same_texts(schema: dict[str, Any], pattern: str) -> None:
    samples = [
        *["", "a", "A", "_", "-", "a-", "-a", "a/b", "a//b", "/a", "a.b", "a b", "ä", "master"],
        *["0" * 26, "0" * 40, "0" * 41, "0" * 64, "g" * 40, "LAYOUT_66_ansi"],
        *["a" * 26, "a" * 63, "a" * 64, "a" * 65, "a" * 128, "a" * 129],
        *["clueboard/66/rev3", "a/b/c/d/e/f/g/h/i/j", "a/b/c/d/e/f/g/h/i/j/k"],
    ]
    for text in samples:
        bounds = schema.get("minLength", 0) <= len(text) <= schema["maxLength"]
        by_schema = bounds and re.search(schema["pattern"], text) is not None
        limit = patterns.KEYBOARD_LENGTH_MAX if schema is SPEC["keyboard"] else len(text)
        by_contract = re.fullmatch(pattern, text) is not None and len(text) <= limit
        assert by_schema == by_contract, text


def test_defaults_and_bounds_are_the_contracts() -> None:
    defaults = {name: schema["default"] for name, schema in SPEC.items() if "default" in schema}
    assert defaults == {
        "keymapName": CompileJobSpec(keyboard="", keymap={}).keymap_name,
        "channel": DEFAULT_CHANNEL,
        "class": JobClass.INTERACTIVE.value,
        "client": CompileJobSpec(keyboard="", keymap={}).client,
        "timeoutSeconds": DEFAULT_TIMEOUT_SECONDS,
        "ttlSecondsAfterFinished": DEFAULT_TTL_SECONDS,
        "cancel": False,
        "rerun": 0,
    }
    assert SPEC["keymap"]["properties"]["layers"]["maxItems"] == keymap.LAYERS_MAX
    assert SPEC["keymap"]["properties"]["layers"]["items"]["maxItems"] == keymap.KEYS_MAX
    assert STATUS["message"]["maxLength"] == MESSAGE_LENGTH_MAX
    assert STATUS["diagnostics"]["maxItems"] == DIAGNOSTICS_MAX


def test_a_name_that_is_accepted_leaves_room_for_every_rerun() -> None:
    [rule] = VERSION["schema"]["openAPIV3Schema"]["x-kubernetes-validations"]
    assert f"<= {names.COMPILE_JOB_NAME_MAX} " in rule["rule"]
    longest = "a" * names.COMPILE_JOB_NAME_MAX
    assert len(names.job_name(longest, SPEC["rerun"]["maximum"])) <= names.JOB_NAME_MAX


def test_everything_has_a_bound() -> None:
    unbounded = []

    def walk(schema: Any, where: str) -> None:
        kind = schema.get("type")
        if kind == "string" and not ({"maxLength", "enum", "format"} & schema.keys()):
            unbounded.append(where)
        if kind == "array" and "maxItems" not in schema:
            unbounded.append(where)
        for name, inner in schema.get("properties", {}).items():
            walk(inner, f"{where}.{name}")
        if "items" in schema:
            walk(schema["items"], f"{where}[]")

    walk(SCHEMA["spec"], "spec")
    walk(SCHEMA["status"], "status")
    assert unbounded == []
