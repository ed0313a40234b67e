"""How the tests of keyboards' builds ended, and what the tree finds wrong with its keyboards."""

import zlib

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from qmk_api.downloading.downloads import ObjectResponse, unchanged
from qmk_api.errors import ApiError
from qmk_api.keyboards.keyboard_routes import KeyboardOf
from qmk_api.openapi.openapi_replies import ERRORS, UNCHANGED, errors
from qmk_api.openapi.status_schemas import BuildLog, BuildSummary, Fault
from qmk_api.service.build_status import INTERVAL_SECONDS, BuildLogs
from qmk_api.services import ServicesOf
from qmk_contract.artifacts import JSON
from qmk_contract.keyboards import resolve_alias

router = APIRouter(prefix="/v1/keyboards", tags=["build status"], responses=ERRORS)


@router.head("/build_status", include_in_schema=False)
@router.get("/build_status", response_model=dict[str, bool], responses=UNCHANGED)
async def build_status(request: Request, services: ServicesOf) -> Response:
    """Whether each tested keyboard builds."""
    statuses = await services.build_status.get()
    return _document(request, statuses.works, statuses.tag)


@router.head("/build_summary", include_in_schema=False)
@router.get("/build_summary", response_model=dict[str, BuildSummary], responses=UNCHANGED)
async def build_summary(request: Request, services: ServicesOf) -> Response:
    """How the last test of each keyboard's build ended, without what it printed."""
    statuses = await services.build_status.get()
    return _document(request, statuses.summary, statuses.tag)


@router.head("/build_log", include_in_schema=False)
@router.get("/build_log", response_model=dict[str, BuildLog], responses=UNCHANGED)
async def build_logs(request: Request, services: ServicesOf) -> Response:
    """How the last test of each keyboard's build ended, and what it printed: many megabytes."""
    statuses = await services.build_status.get()
    headers = _headers(statuses.tag)
    if reply := unchanged(request, headers):
        return reply
    return ObjectResponse(BuildLogs(statuses.entries), JSON, headers)


@router.head("/error_log", include_in_schema=False)
@router.get("/error_log", response_model=list[Fault])
async def error_log(services: ServicesOf) -> JSONResponse:
    """What the published firmware tree finds wrong with its own keyboards."""
    site = await services.site.get()
    return JSONResponse(
        [
            {"severity": "error", "message": f"{keyboard}: {fault}"}
            for keyboard, faults in sorted(site.faults.items())
            for fault in faults
        ]
    )


@router.head("/{keyboard:path}/build_log", include_in_schema=False)
@router.get("/{keyboard:path}/build_log", response_model=BuildLog, responses=errors(404))
async def keyboard_build_log(keyboard: KeyboardOf, services: ServicesOf) -> Response:
    """How the last test of a keyboard's build ended, and what it printed."""
    entries = (await services.build_status.get()).entries
    entry = entries.get(keyboard)
    if entry is None:
        aliases = (await services.site.get()).aliases
        entry = entries.get(resolve_alias(keyboard, aliases))
    if entry is None:
        raise ApiError(404, "No build of this keyboard was tested")
    return Response(zlib.decompress(entry.document), media_type=JSON)


def _document(request: Request, content: bytes, tag: str) -> Response:
    headers = _headers(tag)
    return unchanged(request, headers) or Response(content, headers=headers, media_type=JSON)


def _headers(tag: str) -> dict[str, str]:
    return {"ETag": f'"{tag}"', "Cache-Control": f"max-age={INTERVAL_SECONDS:.0f}"}
