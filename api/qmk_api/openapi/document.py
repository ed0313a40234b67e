"""The OpenAPI document: what FastAPI knows of the routes, and what it cannot know."""

import re
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from qmk_api.openapi.openapi_examples import EXAMPLES
from qmk_api.openapi.openapi_site import TAG, site_paths

DESCRIPTION = """Compiles keymaps for keyboards that run QMK firmware.

Every `GET` can be a `HEAD`. Every reply may be read by pages of any origin. Every error is JSON.
A slash in a path is a slash: in names of keyboards too, it must not be encoded."""
TAGS = {
    "compile": "A keymap goes in, a firmware comes out.",
    "downloads": "What a build leaves.",
    "keyboards": "Keyboards by name, and older addresses of the keyboard site.",
    TAG: "The files that `qmk generate-api` writes, of the published firmware.",
    "build status": "How the tests of keyboards' builds ended.",
    "converters": "Layouts of other tools.",
    "skeletons": "Documents to fill in.",
    "usage": "What is compiled how often.",
    "webhooks": "News from GitHub.",
    "service": "The service about itself.",
}
_SENTENCE_END = re.compile(r"\.(?:\s|$)")
_IF_NONE_MATCH = ("If-None-Match", "ETags of what the caller has: then the reply is 304.")
_RANGE = ("Range", "Bytes that are wanted, as in bytes=0-499: then the reply is 206.")


def operation_id(route: APIRoute) -> str:
    """A route's function in camel case, with "get" before it where it is read."""
    words = route.name.split("_")
    if "GET" in (route.methods or ()):
        words = ["get", *words]
    return words[0] + "".join(word.capitalize() for word in words[1:])


def install(app: FastAPI) -> None:
    """Have the application tell the completed document; it is made once."""
    made: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not made:
            made.update(_document(app))
        return made

    app.openapi = openapi  # type: ignore[method-assign] # as FastAPI's documentation has it


def _document(app: FastAPI) -> dict[str, Any]:
    document = get_openapi(
        title=app.title,
        version=app.version,
        description=DESCRIPTION,
        routes=app.routes,
        tags=[{"name": name, "description": description} for name, description in TAGS.items()],
        license_info=app.license_info,
    )
    for name in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(name, None)
    for methods in document["paths"].values():
        for operation in methods.values():
            _complete(operation)
    for path, methods in site_paths().items():
        for operation in methods.values():
            _add_headers(operation)
        document["paths"][path] = methods
    return document


def _complete(operation: dict[str, Any]) -> None:
    told = " ".join(operation["description"].split())
    end = _SENTENCE_END.search(told)
    operation["summary"] = told[: end.start()] if end else told
    example = EXAMPLES.get(operation["operationId"])
    if example is not None:
        operation["responses"]["200"]["content"]["application/json"]["example"] = example
    # FastAPI adds its own form of a 422 wherever none is told; our errors have another.
    operation["responses"] = {
        code: reply
        for code, reply in sorted(operation["responses"].items())
        if "HTTPValidationError" not in str(reply)
    }
    _add_headers(operation)


def _add_headers(operation: dict[str, Any]) -> None:
    """Tell of the request headers that the replies follow from."""
    replies = operation["responses"]
    headers = [_IF_NONE_MATCH] if "304" in replies else []
    headers += [_RANGE] if "206" in replies else []
    for name, description in headers:
        operation.setdefault("parameters", []).append(
            {
                "name": name,
                "in": "header",
                "description": description,
                "schema": {"type": "string"},
            }
        )
