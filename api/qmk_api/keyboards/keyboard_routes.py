"""Keyboards by name, and the older addresses of what the keyboard site has under new ones."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, TypeVar

from fastapi import APIRouter, Path
from fastapi.responses import RedirectResponse, Response

from qmk_api.errors import ApiError
from qmk_api.keyboards.site import Entry, Page, Site, joined
from qmk_api.keyboards.site_replies import PageResponse
from qmk_api.openapi.openapi_replies import ERRORS, MOVED, UNCHANGED, errors
from qmk_api.openapi.schemas import Keyboards
from qmk_api.ports import DamagedMetadata
from qmk_api.services import Services, ServicesOf
from qmk_contract.artifacts import JSON
from qmk_contract.documents import read_document
from qmk_contract.patterns import KEYBOARD_PATTERN

Route = TypeVar("Route", bound=Callable[..., Awaitable[Response]])
#: How many keyboards one request may ask for.
NAMES_MAX = 20
#: Names that are told back: those of keyboards, and of keymaps as they are in the tree.
_NAME = re.compile(r"[A-Za-z0-9_./-]{1,128}")
_EXAMPLE = "clueboard/66/rev3"
KeyboardOf = Annotated[
    str,
    Path(
        description="A keyboard, slashes and all, or an old name of one.",
        examples=[_EXAMPLE],
        json_schema_extra={"pattern": f"^{KEYBOARD_PATTERN}$"},
    ),
]
KeyboardsOf = Annotated[
    str,
    Path(
        description=f"A keyboard, or up to {NAMES_MAX} with commas between them.",
        examples=[_EXAMPLE],
        json_schema_extra={
            "pattern": f"^{KEYBOARD_PATTERN}(?:,{KEYBOARD_PATTERN}){{0,{NAMES_MAX - 1}}}$"
        },
    ),
]
KeymapOf = Annotated[
    str,
    Path(
        description="A keymap of the tree.",
        examples=["default"],
        json_schema_extra={"pattern": "^[A-Za-z0-9_-]+$"},
    ),
]
router = APIRouter(prefix="/v1", tags=["keyboards"], responses=ERRORS)


def _moved(path: str) -> Callable[[Route], Route]:
    """Registers a route that only redirects."""

    def register(route: Route) -> Route:
        router.head(path, include_in_schema=False)(route)
        replies = {**MOVED, **errors(404)}
        return router.get(
            path, status_code=302, response_class=RedirectResponse, responses=replies
        )(route)

    return register


@router.head("/keyboards", include_in_schema=False)
@router.get(
    "/keyboards",
    response_model=list[str],
    responses={**UNCHANGED, **errors(404, 406)},
)
async def keyboard_names(services: ServicesOf) -> Response:
    """The names of all keyboards."""
    page = (await services.site.get()).names()
    if page is None:
        raise ApiError(404, "No list of keyboards")
    return PageResponse(services.bodies, page)


@_moved("/keyboards/all")
async def all_keyboards(services: ServicesOf) -> Response:
    """Where everything about every keyboard is."""
    return await _redirect(services, "v1/keyboards.json", "No list of keyboards")


@_moved("/usb")
async def usb(services: ServicesOf) -> Response:
    """Where the keyboards are by USB vendor and product."""
    return await _redirect(services, "v1/usb.json", "No list of USB ids")


@_moved("/keyboards/{keyboard:path}/keymaps/{keymap}/readme")
async def keymap_readme(keyboard: KeyboardOf, keymap: KeymapOf, services: ServicesOf) -> Response:
    """Where the readme of a keymap of the tree is."""
    path = await _keymap_path(services, keyboard, keymap)
    readme = f"{path.rpartition('/')[0]}/readme.md"
    return await _redirect(services, readme, _no("keymap", keymap))


@_moved("/keyboards/{keyboard:path}/keymaps/{keymap}")
async def keymap_file(keyboard: KeyboardOf, keymap: KeymapOf, services: ServicesOf) -> Response:
    """Where a keymap of the tree is, if it is there as JSON."""
    path = await _keymap_path(services, keyboard, keymap)
    return await _redirect(services, path, _no("keymap", keymap))


@_moved("/keyboards/{keyboard:path}/readme")
async def keyboard_readme(keyboard: KeyboardOf, services: ServicesOf) -> Response:
    """Where the readme of a keyboard is."""
    return await _redirect(services, f"v1/keyboards/{keyboard}/readme.md", _no("readme", keyboard))


@router.head("/keyboards/{keyboard:path}", include_in_schema=False)
@router.get(
    "/keyboards/{keyboard:path}", response_model=Keyboards, responses={**MOVED, **errors(404)}
)
async def keyboards(keyboard: KeyboardsOf, services: ServicesOf) -> Response:
    """Where all about a keyboard is; for several names with commas between them, all about those.

    At most 20 names.
    """
    if "," not in keyboard:
        return await _redirect(
            services, f"v1/keyboards/{keyboard}/info.json", _no("keyboard", keyboard)
        )
    names = keyboard.split(",")
    if len(names) > NAMES_MAX:
        raise ApiError(400, f"At most {NAMES_MAX} keyboards can be asked for at once")
    site = await services.site.get()
    pages = {name: _entry(site, name) for name in names}
    contents = await asyncio.gather(*(services.bodies.get(page) for page in pages.values()))
    entries = dict(zip(pages, map(Entry.parse, contents), strict=True))
    return Response(joined(site.commit, entries), media_type=JSON)


async def _redirect(services: Services, path: str, missing: str) -> Response:
    if (await services.site.get()).page(path) is None:
        raise ApiError(404, missing)
    return RedirectResponse(f"{services.settings.external_url}/{path}", 302)


def _entry(site: Site, keyboard: str) -> Page:
    page = site.entry(keyboard)
    if page is None:
        raise ApiError(404, _no("keyboard", keyboard))
    return page


async def _keymap_path(services: Services, keyboard: str, keymap: str) -> str:
    """Where the site would have a keymap that the keyboard lists."""
    page = (await services.site.get()).info(keyboard)
    infos = await _infos(services, page) if page else {}
    for info in infos.values():
        listed = info.get("keymaps") if isinstance(info, Mapping) else None
        entry = listed.get(keymap) if isinstance(listed, Mapping) else None
        if isinstance(entry, Mapping) and isinstance(entry.get("path"), str):
            return f"v1/{entry['path']}"
    raise ApiError(404, _no("keymap", keymap))


async def _infos(services: Services, page: Page) -> Mapping[str, object]:
    content = await services.bodies.document(page)
    try:
        document = await asyncio.to_thread(read_document, content)
    except ValueError as error:
        raise DamagedMetadata from error
    infos = document.get("keyboards") if isinstance(document, Mapping) else None
    if not isinstance(infos, Mapping):
        raise DamagedMetadata
    return infos


def _no(kind: str, name: str) -> str:
    name = name.removesuffix("/info.json")
    return f"No such {kind}: {name}" if _NAME.fullmatch(name) else f"No such {kind}"
