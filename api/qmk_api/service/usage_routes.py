"""How much each keyboard is compiled, and the calls of old clients that told of their use."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import JSONResponse

from qmk_api.adapters.usage_counts import DAYS_MAX
from qmk_api.body import discard
from qmk_api.errors import ApiError
from qmk_api.openapi.openapi_replies import ERRORS, errors
from qmk_api.openapi.status_schemas import KeyboardCounts, LocationCounts, Message
from qmk_api.services import ServicesOf

_NUMBER = "-?[0-9]{1,1000}"


def _days(
    days: Annotated[
        str,
        Path(
            description=f"Today counts as one. Up to {DAYS_MAX} are kept.",
            examples=["7"],
            json_schema_extra={"pattern": f"^{_NUMBER}$"},
        ),
    ],
) -> int:
    """The days to tell of: as many of those that are asked for as there are."""
    if not re.fullmatch(_NUMBER, days):
        raise ApiError(404, "Not Found")
    return min(max(int(days), 1), DAYS_MAX)


DaysOf = Annotated[int, Depends(_days)]
router = APIRouter(prefix="/v1", tags=["usage"], responses=ERRORS)


@router.head("/metrics/keyboards", include_in_schema=False)
@router.get("/metrics/keyboards", response_model=KeyboardCounts)
async def keyboard_counts(services: ServicesOf) -> JSONResponse:
    """How many compiles were asked for by keyboard in the last 31 days."""
    return JSONResponse({"keyboards": dict(await services.usage.keyboards(DAYS_MAX))})


@router.head("/metrics/keyboards/days/{days}", include_in_schema=False)
@router.get("/metrics/keyboards/days/{days}", response_model=KeyboardCounts, responses=errors(404))
async def keyboard_counts_of_days(days: DaysOf, services: ServicesOf) -> JSONResponse:
    """How many compiles were asked for by keyboard in the last days."""
    return JSONResponse({"keyboards": dict(await services.usage.keyboards(days))})


@router.head("/metrics/locations", include_in_schema=False)
@router.get("/metrics/locations", response_model=LocationCounts)
async def location_counts() -> JSONResponse:
    """Always empty: where callers are is not recorded."""
    return JSONResponse({"locations": {}})


@router.head("/metrics/locations/days/{days}", include_in_schema=False)
@router.get("/metrics/locations/days/{days}", response_model=LocationCounts, responses=errors(404))
async def location_counts_of_days(days: DaysOf) -> JSONResponse:
    """Always empty: where callers are is not recorded."""
    return JSONResponse({"locations": {}})


@router.post("/telemetry", response_model=Message, responses=errors(408, 413, 415))
async def send_telemetry(request: Request, services: ServicesOf) -> JSONResponse:
    """Thanks the caller. What it sends is not kept."""
    await discard(request, services.settings.body_bytes_max)
    return JSONResponse({"message": "Thanks for helping to improve QMK!"})
