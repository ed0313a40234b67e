"""Follow a job as it happens."""

from typing import Annotated

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response

from qmk_api.errors import ApiError
from qmk_api.openapi.openapi_replies import ERRORS, errors
from qmk_api.services import ClientOf, JobIdOf, ServicesOf
from qmk_api.watching.event_stream import EventStream
from qmk_api.watching.events import parse_event_id
from qmk_api.watching.topic import Watcher

_EVENT = {
    "type": "object",
    "required": ["event", "data"],
    "properties": {
        "event": {"type": "string", "enum": ["status", "log", "restart", "reconnect", "end"]},
        "data": {"type": "string", "description": "JSON."},
        "id": {
            "type": "string",
            "description": "Of log, restart and reconnect: where to go on from.",
        },
    },
}
router = APIRouter(tags=["compile"], responses=ERRORS)


@router.head("/v1/compile/{job_id}/events", include_in_schema=False)
@router.get(
    "/v1/compile/{job_id}/events",
    response_class=Response,
    responses={
        200: {
            "content": {"text/event-stream": {"schema": _EVENT}},
            "description": "Events status, log, restart, reconnect and, last of all, end.",
        },
        **errors(404, 429),
    },
)
async def job_events(
    job_id: JobIdOf,
    services: ServicesOf,
    client: ClientOf,
    last_event_id: Annotated[
        str | None, Header(description="The last id that was seen: go on from there.")
    ] = None,
    resume_from: Annotated[
        str | None,
        Query(alias="last_event_id", description="The same, where no header can be set."),
    ] = None,
) -> Response:
    """Status, place in the queue and log of a job as they change, until its end."""
    state = await services.lookup.find(job_id.key)
    if state is None:
        raise ApiError(404, "Compile job not found")
    watcher = Watcher(job_id, parse_event_id(last_event_id or resume_from))
    return EventStream(services.broadcast.watch(job_id.key, state, client), watcher)
