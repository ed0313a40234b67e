"""How much each keyboard is compiled, and the calls of old clients that told of their use."""

from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import JSONResponse

from qmk_api.adapters.usage_counts import DAYS_MAX
from qmk_api.body import discard
from qmk_api.openapi.openapi_replies import ERRORS, errors
from qmk_api.openapi.status_schemas import KeyboardCounts, LocationCounts, Message
from qmk_api.services import ServicesOf

DaysOf = Annotated[int, Path(ge=1, le=DAYS_MAX, description="Today counts as one.", examples=[7])]
router = APIRouter(prefix="/v1", tags=["usage"], responses=ERRORS)


@router.head("/metrics/keyboards", include_in_schema=False)
@router.get("/metrics/keyboards", response_model=KeyboardCounts)
async def keyboard_counts(services: ServicesOf) -> JSONResponse:
    """How many compiles were asked for by keyboard in the last 31 days."""
    return JSONResponse({"keyboards": dict(await services.usage.keyboards(DAYS_MAX))})


@router.head("/metrics/keyboards/days/{days}", include_in_schema=False)
@router.get("/metrics/keyboards/days/{days}", response_model=KeyboardCounts, responses=errors(422))
async def keyboard_counts_of_days(days: DaysOf, services: ServicesOf) -> JSONResponse:
    """How many compiles were asked for by keyboard in the last days."""
    return JSONResponse({"keyboards": dict(await services.usage.keyboards(days))})


@router.head("/metrics/locations", include_in_schema=False)
@router.get("/metrics/locations", response_model=LocationCounts)
async def location_counts() -> JSONResponse:
    """Always empty: where callers are is not recorded."""
    return JSONResponse({"locations": {}})


@router.head("/metrics/locations/days/{days}", include_in_schema=False)
@router.get("/metrics/locations/days/{days}", response_model=LocationCounts, responses=errors(422))
async def location_counts_of_days(days: DaysOf) -> JSONResponse:
    """Always empty: where callers are is not recorded."""
    return JSONResponse({"locations": {}})


@router.post("/telemetry", response_model=Message, responses=errors(408, 413, 415))
async def send_telemetry(request: Request, services: ServicesOf) -> JSONResponse:
    """Thanks the caller. What it sends is not kept."""
    await discard(request, services.settings.body_bytes_max)
    return JSONResponse({"message": "Thanks for helping to improve QMK!"})
