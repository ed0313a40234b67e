"""Templates of documents that clients fill in."""

from fastapi import APIRouter
from fastapi.responses import JSONResponse

from qmk_api.openapi.openapi_replies import ERRORS
from qmk_api.openapi.status_schemas import Children, KeymapSkeleton

#: QMK Configurator puts this text into every keymap that it exports or posts.
_DOCUMENTATION = (
    "This is a keymap for a keyboard that runs QMK firmware. To change it, import it into "
    "QMK Configurator (https://config.qmk.fm). To compile it, run: qmk compile <this file>. "
    "https://docs.qmk.fm tells more."
)
router = APIRouter(prefix="/v1/skeletons", tags=["skeletons"], responses=ERRORS)


@router.head("", include_in_schema=False)
@router.get("", response_model=Children)
async def skeletons() -> JSONResponse:
    """What templates there are."""
    return JSONResponse({"children": ["keymap"]})


@router.head("/keymap", include_in_schema=False)
@router.get("/keymap", response_model=KeymapSkeleton)
async def keymap_skeleton() -> JSONResponse:
    """A keymap without keyboard, layout and layers. All else of it goes into what is posted."""
    return JSONResponse(
        {
            "version": 1,
            "notes": "",
            "documentation": _DOCUMENTATION,
            "keyboard": None,
            "keymap": None,
            "layout": None,
            "layers": [],
        }
    )
