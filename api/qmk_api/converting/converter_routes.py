"""Layouts of other tools, converted to QMK's form."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from qmk_api.body import read_json
from qmk_api.compiling.fair_use import Kind
from qmk_api.converting.gist_document import REFERENCE_PATTERN, gist_id
from qmk_api.converting.kle import KleError, read_layout
from qmk_api.converting.kle_raw import TEXT_BYTES_MAX, KleSyntaxError, read_rows
from qmk_api.converting.kle_text import layout_text
from qmk_api.errors import ApiError
from qmk_api.openapi.openapi_replies import ERRORS, errors
from qmk_api.openapi.status_schemas import Children
from qmk_api.ports import Gists, UnfitGist
from qmk_api.services import ClientOf, ServicesOf
from qmk_contract.artifacts import JSON

_RAW = [
    {"name": "My KB"},
    ["A", {"d": True}, "decal"],
    [{"r": 30, "rx": 4, "w": 2}, "C"],
]
_BODY = {
    "schema": {
        "anyOf": [
            {
                "type": "object",
                "required": ["id"],
                "properties": {
                    "id": {
                        "type": "string",
                        "pattern": f"^{REFERENCE_PATTERN}$",
                        "description": "A gist's id or address, or its layout's in the editor.",
                    }
                },
            },
            {
                "type": "object",
                "required": ["raw"],
                "properties": {
                    "raw": {
                        "type": ["string", "array"],
                        "description": "Raw data, as the editor's text or as a list of rows.",
                    },
                    "id": {"enum": [None, ""]},
                },
            },
        ]
    },
    "examples": {
        "list": {"value": {"raw": _RAW}},
        "text": {"value": {"raw": '["A"],\n[{w:2},"B"]'}},
    },
}
router = APIRouter(prefix="/v1/converters", tags=["converters"], responses=ERRORS)


@router.head("", include_in_schema=False)
@router.get("", response_model=Children)
async def converters() -> JSONResponse:
    """What can be converted."""
    return JSONResponse({"children": ["kle"]})


@router.post("/kle2qmk", include_in_schema=False)
@router.post(
    "/kle",
    responses={
        200: {"content": {JSON: {"schema": {"type": "object"}}}},
        **errors(400, 404, 408, 413, 415, 422, 429),
    },
    openapi_extra={"requestBody": {"required": True, "content": {JSON: _BODY}}},
)
async def convert_kle(request: Request, services: ServicesOf, client: ClientOf) -> Response:
    """A layout of Keyboard Layout Editor as the text of an info.json, spaced for people."""
    await services.rates.check(Kind.CONVERTER, client)
    body = await read_json(request, services.settings.body_bytes_max)
    raw = await _raw(body, services.gists)
    try:
        text = await asyncio.to_thread(_converted, raw)
    except (KleSyntaxError, KleError) as error:
        raise ApiError(422, str(error)) from error
    return Response(text, media_type=JSON)


async def _raw(body: Any, gists: Gists) -> str | list[Any]:
    """The raw data that a request gives or names."""
    given = body if isinstance(body, dict) else {}
    reference = given.get("id")
    if reference is not None and reference != "":  # a form's empty field
        return await _gist(reference, gists)
    raw = given.get("raw")
    if not isinstance(raw, str | list):
        raise ApiError(400, "the body must have raw, a text or a list, or id, that of a gist")
    if isinstance(raw, str) and len(raw.encode()) > TEXT_BYTES_MAX:
        raise ApiError(413, f"raw is larger than {TEXT_BYTES_MAX} bytes")
    return raw


async def _gist(reference: Any, gists: Gists) -> str:
    wanted = gist_id(reference) if isinstance(reference, str) else None
    if wanted is None:
        raise ApiError(400, "id must be a gist's id, or the address of a gist or of its layout")
    try:
        raw = await gists.read(wanted)
    except UnfitGist as error:
        raise ApiError(422, str(error)) from error
    if raw is None:
        raise ApiError(404, f"No such gist: {wanted}")
    return raw


def _converted(raw: str | list[Any]) -> str:
    return layout_text(read_layout(read_rows(raw) if isinstance(raw, str) else raw))
