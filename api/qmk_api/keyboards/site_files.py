"""Serves the keyboard site before any route is looked at.

Pages of the site are most of what is asked for, and an index names them all: neither a router nor
a call to storage is needed to tell them from everything else.
"""

from starlette.types import ASGIApp, Receive, Scope, Send

from qmk_api.errors import error_reply, unavailable_reply
from qmk_api.keyboards.current_site import CurrentSite
from qmk_api.keyboards.site import Page
from qmk_api.keyboards.site_bodies import Bodies
from qmk_api.keyboards.site_replies import send_page
from qmk_api.ports import Unavailable
from qmk_contract.artifacts import is_site_path

_METHODS = ("GET", "HEAD")


class SiteFiles:
    """Answers for all pages of the current site, and hands on what is none."""

    def __init__(self, app: ASGIApp, current: CurrentSite, bodies: Bodies) -> None:
        self._app = app
        self._current = current
        self._bodies = bodies

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        method, path = scope["method"], scope["path"]
        try:
            page = await self._page(path)
            if page is not None and method in _METHODS:
                await send_page(self._bodies, page, scope, receive, send)
                return
        except Unavailable as error:
            await unavailable_reply(method, path, error)(scope, receive, send)
            return
        if page is None:
            await self._app(scope, receive, send)
            return
        headers = {"Allow": ", ".join(_METHODS)}
        await error_reply(path, 405, "Method Not Allowed", headers=headers)(scope, receive, send)

    async def _page(self, path: str) -> Page | None:
        site = self._current.loaded
        if site is None:
            if not is_site_path(path[1:]):
                return None
            site = await self._current.get()
        return site.page(path[1:])
