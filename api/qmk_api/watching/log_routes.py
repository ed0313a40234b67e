"""What a build printed, or has printed so far."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from qmk_api.compiling.replies import explanation
from qmk_api.compiling.states import Ended, Open, StoredBuild
from qmk_api.downloading.downloads import CACHED, build_file, send_file, sha256, unchanged
from qmk_api.errors import ApiError
from qmk_api.openapi.openapi_replies import ERRORS, file_of
from qmk_api.services import JobIdOf, Services, ServicesOf
from qmk_contract import artifacts
from qmk_contract.phases import Phase

router = APIRouter(tags=["compile"], responses=ERRORS)
_COMPLETE = "X-Log-Complete"
_PLAIN = {"X-Content-Type-Options": "nosniff"}
_REPLIES = file_of(
    artifacts.TEXT,
    {"type": "string"},
    {
        _COMPLETE: {
            "schema": {"type": "string", "enum": ["true", "false"]},
            "description": "Whether the build has ended: the log grows until then.",
        }
    },
)


@router.head("/v1/compile/{job_id}/log", include_in_schema=False)
@router.get("/v1/compile/{job_id}/log", response_class=Response, responses=_REPLIES)
async def job_log(request: Request, job_id: JobIdOf, services: ServicesOf) -> Response:
    """What the build has printed: all of it once it has ended, else what there is so far."""
    state = await services.lookup.find(job_id.key)
    if state is None:
        raise ApiError(404, "Compile job not found")
    if isinstance(state, Open):
        return await _so_far(state, services)
    if isinstance(state, Ended):
        return _text(request, state.log or f"{explanation(state)}\n")
    return await _stored(request, state, services)


async def _so_far(state: Open, services: Services) -> Response:
    pod = state.job.status.pod_name
    begun = pod is not None and state.phase in (Phase.STARTING, Phase.RUNNING)
    content = await services.broadcast.printed(state.job.name, pod) if pod and begun else b""
    headers = {**_PLAIN, _COMPLETE: "false", "Cache-Control": "no-store"}
    return Response(content, 200, headers, artifacts.TEXT)


async def _stored(request: Request, build: StoredBuild, services: Services) -> Response:
    result = build.result
    headers = {**_PLAIN, **CACHED, _COMPLETE: "true", "ETag": f'"{result.log.sha256}"'}
    open_part = build_file(
        services.artifacts, artifacts.build(result.key, artifacts.LOG), result.log.size
    )
    return await send_file(request, artifacts.TEXT, headers, result.log.size, open_part)


def _text(request: Request, text: str) -> Response:
    """The log of a build that left no result."""
    content = text.encode()
    headers = {**_PLAIN, _COMPLETE: "true", "ETag": f'"{sha256(content)}"'}
    return unchanged(request, headers) or Response(content, 200, headers, artifacts.TEXT)
