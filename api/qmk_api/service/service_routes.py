"""The service about itself: state, version, liveness and readiness."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse, RedirectResponse

from qmk_api.errors import NO_STORE, RETRY_AFTER_SECONDS, error_reply
from qmk_api.openapi.openapi_replies import ERRORS, MOVED
from qmk_api.openapi.schemas import Alive, Health, Ready, Root
from qmk_api.services import Services, ServicesOf

CHILDREN = ("compile", "converters", "keyboards", "skeletons")
DOCUMENTATION_URL = "https://docs.qmk.fm/#/api_docs"
#: Where people install QMK's tools from: that host gives them this script.
INSTALL_HOST = "install.qmk.fm"
INSTALL_URL = "https://raw.githubusercontent.com/qmk/qmk_firmware/master/util/env-bootstrap.sh"
router = APIRouter(tags=["service"], responses=ERRORS)


@router.head("/", include_in_schema=False)
@router.get("/", status_code=302, response_class=RedirectResponse, responses=MOVED)
async def documentation(request: Request) -> RedirectResponse:
    """Where the API's documentation is; on the host install.qmk.fm the installer."""
    host = request.headers.get("host", "").partition(":")[0].lower()
    return RedirectResponse(INSTALL_URL if host == INSTALL_HOST else DOCUMENTATION_URL, 302)


@router.head("/install.sh", include_in_schema=False)
@router.get("/install.sh", status_code=302, response_class=RedirectResponse, responses=MOVED)
async def installer() -> RedirectResponse:
    """Where the script is that installs QMK's tools."""
    return RedirectResponse(INSTALL_URL, 302)


@router.head("/v1", include_in_schema=False)
@router.get("/v1", response_model=Root)
async def root(services: ServicesOf) -> JSONResponse:
    """The service's state, how many jobs people wait for, and what else there is."""
    return JSONResponse({"children": list(CHILDREN), **_health(services)}, headers=NO_STORE)


@router.head("/v1/healthcheck", include_in_schema=False)
@router.get("/v1/healthcheck", response_model=Health)
async def healthcheck(services: ServicesOf) -> JSONResponse:
    """The service's state and how many jobs people wait for."""
    return JSONResponse(_health(services), headers=NO_STORE)


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz", response_model=Alive)
async def healthz() -> JSONResponse:
    """Whether the process answers at all. Says nothing of what it needs."""
    return JSONResponse({"status": "ok"}, headers=NO_STORE)


@router.head("/readyz", include_in_schema=False)
@router.get("/readyz", response_model=Ready)
async def readyz(
    services: ServicesOf,
    exclude: Annotated[
        list[str],
        Query(
            default_factory=list,
            description="Checks to leave out, as in kube-apiserver's /readyz.",
            examples=[["s3", "kubernetes"]],
        ),
    ],
) -> JSONResponse:
    """Whether requests can be served: not while S3 or Kubernetes is away, nor during shutdown."""
    health = services.health
    missing = [name for name in health.missing() if name not in exclude]
    if health.draining or health.starting or missing:
        state = "shutting down" if health.draining else f"not ready: {', '.join(missing)}"
        if health.starting:
            state = "starting"
        headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
        return error_reply("/readyz", 503, state, headers=headers)
    return JSONResponse({"ready": True, "checks": dict(health.checks)}, headers=NO_STORE)


def _health(services: Services) -> dict[str, object]:
    health = services.health
    status = health.status
    good = "degraded" if health.missing() else "good"
    return {
        "last_ping": health.last_good,
        "queue_length": services.queue.view().interactive,
        "status": status,
        "status_last_ping": "starting" if health.starting else good,
        "status_tasks_ping": "starting",  # the predecessor's word for: no task was seen yet
        "tasks_ping": None,
        "version": services.version,
    }
