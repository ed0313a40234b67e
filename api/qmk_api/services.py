"""What routes work with, made once a process, and how a route asks for it."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Path, Request

from qmk_api.body_room import BodyRoom
from qmk_api.clients import client_address, client_id
from qmk_api.compiling.lookup import Lookup
from qmk_api.compiling.queue_view import Queue
from qmk_api.compiling.submissions import Submissions
from qmk_api.downloading.source_download import Sources
from qmk_api.errors import ApiError
from qmk_api.keyboards.current_site import CurrentSite
from qmk_api.keyboards.site_bodies import Bodies
from qmk_api.ports import Artifacts, Chat, Deliveries, Gists, Rates, Refreshes, UsageCounts
from qmk_api.service.build_status import BuildStatus
from qmk_api.service.health import Health
from qmk_api.settings import Settings
from qmk_api.watching.broadcast import Broadcast
from qmk_contract.build_key import JobId, parse_job_id
from qmk_contract.patterns import KEY_PATTERN, NAME_PATTERN


@dataclass(frozen=True)
class Services:
    """The parts of one running API."""

    settings: Settings
    health: Health
    queue: Queue
    lookup: Lookup
    submissions: Submissions
    artifacts: Artifacts
    rates: Rates
    deliveries: Deliveries
    refreshes: Refreshes
    chat: Chat
    usage: UsageCounts
    gists: Gists
    sources: Sources
    build_status: BuildStatus
    site: CurrentSite
    bodies: Bodies
    broadcast: Broadcast
    body_room: BodyRoom
    version: str


async def _services(request: Request) -> Services:
    return cast("Services", request.app.state.services)


async def _job_id(
    job_id: Annotated[
        str,
        Path(
            description="What POST /v1/compile answered as job_id.",
            examples=["k5t7g3xw2pzq4hmn6ycd3rfbae.my_keymap"],
            json_schema_extra={"pattern": rf"^{KEY_PATTERN}(?:\.{NAME_PATTERN})?$"},
        ),
    ],
) -> JobId:
    parsed = parse_job_id(job_id)
    if parsed is None:
        raise ApiError(404, "Compile job not found")
    return parsed


ServicesOf = Annotated[Services, Depends(_services)]


async def _client(request: Request, services: ServicesOf) -> str:
    settings = services.settings
    peer = request.client.host if request.client else ""
    forwarded_for = request.headers.getlist("x-forwarded-for")
    address = client_address(peer, forwarded_for, settings.trusted_proxies)
    return client_id(address, settings.client_salt)


ClientOf = Annotated[str, Depends(_client)]
JobIdOf = Annotated[JobId, Depends(_job_id)]
