"""The OpenAPI document: all that a reader or a program looks for is there, and fits together."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from qmk_api.openapi.openapi_examples import EXAMPLES
from tests.unit.api_fakes import World

JSON = "application/json"


@pytest.fixture
async def document() -> Any:
    async with World().client() as client:
        return (await client.get("/openapi.json")).json()


def operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def check(document: Any, schema: Any, value: Any) -> None:
    """A value is of a schema of the document."""
    Draft202012Validator({**schema, "components": document["components"]}).validate(value)


async def test_every_operation_is_told_once_and_by_a_readable_name(document: Any) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names)) > 40
    assert all(re.fullmatch(r"[a-z]+(?:[A-Z][a-z0-9]*)+", name) for name in names)
    tags = {tag["name"] for tag in document["tags"]}
    for path, _, operation in operations(document):
        assert set(operation["tags"]) <= tags, path
        assert 0 < len(operation["summary"]) < 100, path
        assert operation["description"].endswith("."), path
        assert not operation["summary"].endswith("."), path
    assert "HTTPValidationError" not in document["components"]["schemas"]


async def test_every_reply_is_told_with_an_example(document: Any) -> None:
    for path, _, operation in operations(document):
        assert {"400", "405", "414", "431", "500", "503"} < set(operation["responses"]), path
        for code, reply in operation["responses"].items():
            for media_type, content in reply.get("content", {}).items():
                if media_type != JSON:
                    continue
                assert "example" in content, (path, code)
                check(document, content["schema"], content["example"])
            if code in ("429", "503"):
                assert "Retry-After" in reply["headers"], path
            if code == "302":
                assert "Location" in reply["headers"], path
            if code == "206":
                assert "Content-Range" in reply["headers"], path


async def test_no_example_is_left_over(document: Any) -> None:
    assert set(EXAMPLES) <= {operation["operationId"] for _, _, operation in operations(document)}


async def test_every_body_has_an_example(document: Any) -> None:
    for path, method, operation in operations(document):
        if method != "post" or path in ("/v1/telemetry", "/postreceive"):
            continue
        content = operation["requestBody"]["content"][JSON]
        named = [example["value"] for example in content.get("examples", {}).values()]
        for example in named or [content["example"]]:
            check(document, content["schema"], example)


async def test_every_path_parameter_is_bounded_and_has_an_example(document: Any) -> None:
    for path, _, operation in operations(document):
        told = [item for item in operation.get("parameters", []) if item["in"] == "path"]
        assert [item["name"] for item in told] == re.findall(r"\{(\w+)\}", path)
        for item in told:
            schema = item["schema"]
            assert item["description"], path
            assert "pattern" in schema or {"minimum", "maximum"} <= set(schema), path
            examples = schema.get("examples") or [item["example"]]
            for example in examples:
                check(document, schema, example)


async def test_a_job_leads_to_all_that_can_be_asked_about_it(document: Any) -> None:
    links = document["paths"]["/v1/compile"]["post"]["responses"]["200"]["links"]
    of_jobs = {
        operation["operationId"]
        for path, _, operation in operations(document)
        if "{job_id}" in path and not operation.get("deprecated")
    }
    assert {link["operationId"] for link in links.values()} == of_jobs
