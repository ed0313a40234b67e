"""Firmware, keymap and source of a job, from our own host under the user's own file names."""

import json
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from qmk_api.downloads import ObjectResponse, attachment, sha256, unchanged
from qmk_api.errors import ApiError
from qmk_api.file_names import firmware_file_name, keymap_file_name, source_file_name
from qmk_api.replies import explanation, keymap_document
from qmk_api.schemas import ERRORS, Keymap
from qmk_api.services import JobIdOf, ServicesOf
from qmk_api.states import Ended, Open, State
from qmk_contract import artifacts
from qmk_contract.build_key import JobId
from qmk_contract.keymap import DEFAULT_NAME
from qmk_contract.result import BuildResult, Firmware

router = APIRouter(prefix="/v1/compile/{job_id}", tags=["downloads"], responses=ERRORS)


def _file_of(media_type: str) -> dict[int | str, dict[str, Any]]:
    schema = {"schema": {"type": "string", "format": "binary"}}
    return {
        200: {"content": {media_type: schema}, "description": "The file."},
        304: {"description": "The file is the one that If-None-Match names."},
    }


@router.head("/download", include_in_schema=False)
@router.head("/hex", include_in_schema=False)
@router.get("/download", response_class=Response, responses=_file_of(artifacts.BINARY))
@router.get("/hex", response_class=Response, responses=_file_of(artifacts.BINARY), deprecated=True)
async def firmware(request: Request, job_id: JobIdOf, services: ServicesOf) -> Response:
    """The firmware file."""
    result, file = _firmware(await services.lookup.find(job_id.key))
    name = firmware_file_name(result.keyboard, _name(job_id), file.extension)
    headers = attachment(name, file.sha256)
    if reply := unchanged(request, headers):
        return reply
    stored = await services.artifacts.open(artifacts.build(result.key, artifacts.FIRMWARE))
    if stored is None:
        raise ApiError(404, "the firmware of this job is no longer stored, compile it again")
    return ObjectResponse(stored, artifacts.BINARY, headers)


@router.head("/keymap", include_in_schema=False)
@router.get("/keymap", response_model=Keymap)
async def keymap(request: Request, job_id: JobIdOf, services: ServicesOf) -> Response:
    """The keymap that was compiled, under the name that its user gave it."""
    document = await services.lookup.request(job_id.key)
    if document is None:
        raise ApiError(404, "Compile job not found")
    content = json.dumps(keymap_document(document, job_id), indent=2).encode()
    name = keymap_file_name(document["keyboard"], _name(job_id))
    headers = attachment(name, sha256(content))
    return unchanged(request, headers) or Response(content, 200, headers, artifacts.JSON)


@router.head("/source", include_in_schema=False)
@router.get("/source", response_class=Response, responses=_file_of(artifacts.ZIP))
async def source(job_id: JobIdOf, services: ServicesOf) -> Response:
    """The firmware tree that the keymap was compiled with."""
    state = await services.lookup.find(job_id.key)
    commit = _commit(state)
    if state is None or commit is None:
        raise ApiError(404, "Compile job not found")
    stored = await services.artifacts.open(artifacts.source(commit))
    if stored is None:
        raise ApiError(404, "the source of this job's firmware is no longer stored")
    name = source_file_name(_keyboard(state), _name(job_id))
    return ObjectResponse(stored, artifacts.ZIP, attachment(name))


def _firmware(state: State | None) -> tuple[BuildResult, Firmware]:
    """A build that has a firmware, and that."""
    if state is None:
        raise ApiError(404, "Compile job not found")
    if isinstance(state, Open):
        raise ApiError(
            404, "there is no firmware yet: the job has not ended", state.job.status.reason
        )
    if isinstance(state, Ended):
        raise ApiError(404, f"there is no firmware. {explanation(state)}", state.job.status.reason)
    result = state.result
    if result.firmware is None or not result.succeeded:
        raise ApiError(
            404, f"there is no firmware, the build failed: {result.message}", result.reason
        )
    return result, result.firmware


def _keyboard(state: State) -> str:
    return state.job.spec.keyboard if isinstance(state, Open | Ended) else state.result.keyboard


def _commit(state: State | None) -> str | None:
    if isinstance(state, Open | Ended):
        return state.job.status.firmware_commit or state.job.spec.firmware_commit
    return None if state is None else state.result.firmware_commit


def _name(job_id: JobId) -> str:
    return job_id.keymap_name or DEFAULT_NAME
