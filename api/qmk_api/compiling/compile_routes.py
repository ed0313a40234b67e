"""Compile a keymap, and ask how far it is."""

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from starlette.background import BackgroundTask

from qmk_api.body import read_json_as
from qmk_api.compiling.compile_request import read_compile_request
from qmk_api.compiling.fair_use import Kind
from qmk_api.compiling.replies import job_reply
from qmk_api.errors import NO_STORE, ApiError
from qmk_api.openapi.openapi_replies import ERRORS, errors
from qmk_api.openapi.schemas import CompileJobState, Enqueued, KeymapRequest
from qmk_api.services import ClientOf, JobIdOf, ServicesOf

#: What can be asked about the job that a request has made.
_OPERATIONS = (
    "getCompileJob",
    "getJobEvents",
    "getJobLog",
    "getFirmware",
    "getKeymap",
    "getKeymapC",
    "getSource",
)
_LINKS = {
    operation: {
        "operationId": operation,
        "parameters": {"job_id": "$response.body#/job_id"},
    }
    for operation in _OPERATIONS
}
router = APIRouter(tags=["compile"], responses=ERRORS)


@router.post(
    "/v1/compile",
    response_model=Enqueued,
    responses={200: {"links": _LINKS}, **errors(400, 408, 413, 415, 422, 429)},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": KeymapRequest.model_json_schema(),
                    "example": {
                        "keyboard": "demo/pad6",
                        "keymap": "my_keymap",
                        "layout": "LAYOUT_ortho_2x3",
                        "layers": [["KC_1", "KC_2", "KC_3", "KC_4", None, "MO(1)"], None],
                    },
                }
            },
        }
    },
)
async def compile_keymap(request: Request, services: ServicesOf, client: ClientOf) -> JSONResponse:
    """Have a keymap compiled. Equal keymaps are compiled once; the body may have any type."""
    await services.rates.check(Kind.COMPILE, client)
    bytes_max = services.settings.body_bytes_max
    wanted = await read_json_as(request, bytes_max, read_compile_request)
    accepted = await services.submissions.submit(wanted, client)
    return JSONResponse(
        {"enqueued": True, "job_id": str(accepted.job_id), "cached": accepted.cached},
        background=BackgroundTask(services.usage.count, accepted.keyboard),
    )


@router.head("/v1/compile/{job_id}", include_in_schema=False)
@router.get("/v1/compile/{job_id}", response_model=CompileJobState, responses=errors(404))
async def compile_job(job_id: JobIdOf, services: ServicesOf) -> JSONResponse:
    """Where a job is; its result once it has ended."""
    state = await services.lookup.find(job_id.key)
    if state is None:
        raise ApiError(404, "Compile job not found")
    reply = job_reply(job_id, state, services.settings.external_url)
    return JSONResponse(reply, headers=NO_STORE)
