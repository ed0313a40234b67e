"""Compile a keymap, and ask how far it is."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from qmk_api.body import read_json
from qmk_api.clients import client_address, client_id
from qmk_api.compile_request import read_compile_request
from qmk_api.errors import ApiError
from qmk_api.replies import job_reply
from qmk_api.schemas import ERRORS, CompileJobState, Enqueued, KeymapRequest
from qmk_api.services import JobIdOf, ServicesOf
from qmk_api.settings import Settings

router = APIRouter(tags=["compile"], responses=ERRORS)


@router.post(
    "/v1/compile",
    response_model=Enqueued,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": KeymapRequest.model_json_schema()}},
        }
    },
)
async def compile_keymap(request: Request, services: ServicesOf) -> JSONResponse:
    """Have a keymap compiled. Equal keymaps are compiled once; the body may have any type."""
    body = await read_json(request, services.settings.body_bytes_max)
    job_id = await services.submissions.submit(
        read_compile_request(body), _client(request, services.settings)
    )
    return JSONResponse({"enqueued": True, "job_id": str(job_id)})


@router.head("/v1/compile/{job_id}", include_in_schema=False)
@router.get("/v1/compile/{job_id}", response_model=CompileJobState)
async def compile_job(job_id: JobIdOf, services: ServicesOf) -> JSONResponse:
    """Where a job is; its result once it has ended."""
    state = await services.lookup.find(job_id.key)
    if state is None:
        raise ApiError(404, "Compile job not found")
    return JSONResponse(job_reply(job_id, state, services.settings.external_url))


def _client(request: Request, settings: Settings) -> str:
    peer = request.client.host if request.client else ""
    forwarded_for = request.headers.getlist("x-forwarded-for")
    address = client_address(peer, forwarded_for, settings.trusted_proxies)
    return client_id(address, settings.client_salt)
