"""Firmware, keymap and source of a job, from our own host under the user's own file names."""

import json

from fastapi import APIRouter, Request
from fastapi.responses import Response

from qmk_api.compiling.file_names import (
    firmware_file_name,
    keymap_c_file_name,
    keymap_file_name,
    source_file_name,
)
from qmk_api.compiling.replies import explanation, keymap_document
from qmk_api.compiling.states import Ended, Open, State, StoredBuild
from qmk_api.downloading.downloads import attachment, build_file, send_file, sha256, unchanged
from qmk_api.errors import ApiError
from qmk_api.openapi.openapi_replies import ERRORS, UNCHANGED, errors, file_of
from qmk_api.openapi.schemas import Keymap
from qmk_api.services import JobIdOf, Services, ServicesOf
from qmk_contract import artifacts
from qmk_contract.build_key import JobId
from qmk_contract.keymap import DEFAULT_NAME
from qmk_contract.result import Artifact, BuildResult, Firmware
from qmk_contract.snapshot import SOURCE_FOLDER

router = APIRouter(prefix="/v1/compile/{job_id}", tags=["downloads"], responses=ERRORS)


@router.head("/download", include_in_schema=False)
@router.head("/hex", include_in_schema=False)
@router.get("/download", response_class=Response, responses=file_of(artifacts.BINARY))
@router.get(
    "/hex",
    response_class=Response,
    responses=file_of(artifacts.BINARY),
    operation_id="getFirmwareByOldAddress",
    deprecated=True,
)
async def firmware(request: Request, job_id: JobIdOf, services: ServicesOf) -> Response:
    """The firmware file. Interrupted downloads can be resumed by Range."""
    result, file = _firmware(await services.lookup.find(job_id.key))
    name = firmware_file_name(result.keyboard, _name(job_id), file.extension)
    headers = attachment(name, file.sha256)
    open_part = build_file(
        services.artifacts, artifacts.build(result.key, artifacts.FIRMWARE), file.size
    )
    return await send_file(request, artifacts.BINARY, headers, file.size, open_part)


@router.head("/keymap", include_in_schema=False)
@router.get("/keymap", response_model=Keymap, responses={**UNCHANGED, **errors(404)})
async def keymap(request: Request, job_id: JobIdOf, services: ServicesOf) -> Response:
    """The keymap that was compiled, under the name that its user gave it."""
    file_name, content = await _keymap(job_id, services)
    headers = attachment(file_name, sha256(content))
    return unchanged(request, headers) or Response(content, 200, headers, artifacts.JSON)


@router.head("/keymap.c", include_in_schema=False)
@router.get(
    "/keymap.c", response_class=Response, responses=file_of(artifacts.C_SOURCE, {"type": "string"})
)
async def keymap_c(request: Request, job_id: JobIdOf, services: ServicesOf) -> Response:
    """The C source that the build made of the keymap."""
    result, file = _keymap_c(await services.lookup.find(job_id.key))
    name = keymap_c_file_name(result.keyboard, _name(job_id))
    headers = attachment(name, file.sha256)
    open_part = build_file(
        services.artifacts, artifacts.build(result.key, artifacts.KEYMAP_C), file.size
    )
    return await send_file(request, artifacts.C_SOURCE, headers, file.size, open_part)


@router.head("/source", include_in_schema=False)
@router.get("/source", response_class=Response, responses=file_of(artifacts.ZIP))
async def source(request: Request, job_id: JobIdOf, services: ServicesOf) -> Response:
    """The firmware tree that the keymap was compiled with, and the keymap in the tree's root."""
    state = await services.lookup.find(job_id.key)
    commit = _commit(state)
    if state is None or commit is None:
        raise ApiError(404, "Compile job not found")
    file_name, content = await _keymap(job_id, services)
    entry = f"{SOURCE_FOLDER}/{file_name}"
    found = await services.sources.find(artifacts.source(commit), entry, content)
    if found is None:
        raise ApiError(404, "the source of this job's firmware is no longer stored")
    name = source_file_name(_keyboard(state), _name(job_id))
    headers = attachment(name, found.etag)
    return await send_file(
        request,
        artifacts.ZIP,
        headers,
        found.size,
        lambda part: services.sources.open(found, part),
    )


async def _keymap(job_id: JobId, services: Services) -> tuple[str, bytes]:
    """The keymap's file name and content, as its user's own."""
    document = await services.lookup.request(job_id.key)
    if document is None:
        if await services.lookup.find(job_id.key) is None:
            raise ApiError(404, "Compile job not found")
        raise ApiError(404, "the keymap of this job is not stored")
    content = json.dumps(keymap_document(document, job_id), indent=2).encode()
    return keymap_file_name(document["keyboard"], _name(job_id)), content


def _keymap_c(state: State | None) -> tuple[BuildResult, Artifact]:
    """A build that made C source of its keymap, and that."""
    if state is None:
        raise ApiError(404, "Compile job not found")
    if not isinstance(state, StoredBuild):
        when = (
            "yet: the job has not ended" if isinstance(state, Open) else f". {explanation(state)}"
        )
        raise ApiError(404, f"there is no keymap.c {when}", state.job.status.reason)
    result = state.result
    if result.keymap_c is None:
        message = f"the build ended before it made a keymap.c: {result.message}"
        raise ApiError(404, message, result.reason)
    return result, result.keymap_c


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
