"""Errors to replies: one JSON body for all of them, on every path and for every status."""

import asyncio
import http
import json
import logging
import math
import re
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from qmk_api.compiling.fair_use import TooManyRequests
from qmk_api.ports import Refused, Unavailable
from qmk_contract.codec import to_body
from qmk_contract.errors import RequestError
from qmk_contract.phases import Reason

RETRY_AFTER_SECONDS = 5
#: Of replies that may be others a moment later.
NO_STORE = {"Cache-Control": "no-store"}
log = logging.getLogger(__name__)
#: Clients poll here, and read ``status`` before they look at the status code.
_POLL_PATH = re.compile(r"/v1/compile/[^/]+")
_POLL_PREFIX = b"/v1/compile/"
#: Scheme and host of a target that is a whole URL.
_ORIGIN = re.compile(rb"^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")


class ApiError(Exception):
    """An error reply: status code, a sentence for the caller, and a reason of the contract."""

    def __init__(self, code: int, message: str, reason: Reason | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = reason


def install(app: FastAPI) -> None:
    """Register a reply for every error that a route may raise."""
    app.exception_handler(ApiError)(_api_error)
    app.exception_handler(RequestError)(_request_error)
    app.exception_handler(Refused)(_refused)
    app.exception_handler(Unavailable)(_unavailable)
    app.exception_handler(TooManyRequests)(_too_many_requests)
    app.exception_handler(HTTPException)(_http_exception)
    app.exception_handler(RequestValidationError)(_validation_error)


class ErrorBoundary:
    """Turns what nobody expected into a JSON 500, and logs it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def note_start(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, note_start)
        except ClientDisconnect:
            return
        except asyncio.CancelledError:
            if started:
                raise
            # The time for requests under way is over: another replica will answer.
            headers = {"Retry-After": "1"}
            reply = error_reply(scope["path"], 503, "the server is stopping", headers=headers)
            await reply(scope, receive, send)
        except Exception:
            if started:  # the server closes the connection, so that the caller sees a cut
                raise
            log.exception("%s %r failed", scope["method"], scope["path"])
            reply = error_reply(scope["path"], 500, "internal error")
            await reply(scope, receive, send)


def may_be_poll(target: bytes, *, whole: bool = True) -> bool:
    """Whether clients poll at a request target as it was sent, or may do so at one of which only
    the beginning came."""
    path = b"/" + _ORIGIN.sub(b"", target).lstrip(b"/")
    return path.startswith(_POLL_PREFIX) or (not whole and _POLL_PREFIX.startswith(path))


def error_body(code: int, message: str, *, poll: bool) -> bytes:
    """The body of an error that no application saw, with a ``status`` for a ``poll``."""
    body = {"code": code, "message": message} | ({"status": "unknown"} if poll else {})
    return json.dumps(body).encode()


def error_reply(
    path: str,
    code: int,
    message: str,
    *,
    extra: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The error body; a poller of ``path`` also finds the ``status`` that it looks for."""
    body: dict[str, Any] = {"code": code, "message": message, **(extra or {})}
    if _POLL_PATH.fullmatch(path):
        body["status"] = "unknown"
    return JSONResponse(body, code, {**NO_STORE, **(headers or {})})


def unavailable_reply(method: str, path: str, error: Unavailable) -> JSONResponse:
    """The reply where something is away; it is logged with its cause."""
    log.warning("%s %r: %s (%s)", method, path, error, error.__cause__)
    headers = {"Retry-After": str(math.ceil(error.retry_after or RETRY_AFTER_SECONDS))}
    return error_reply(path, 503, str(error), headers=headers)


async def _api_error(request: Request, error: ApiError) -> JSONResponse:
    extra = {} if error.reason is None else {"reason": error.reason}
    return error_reply(request.url.path, error.code, error.message, extra=extra)


async def _request_error(request: Request, error: RequestError) -> JSONResponse:
    extra: dict[str, Any] = {"reason": error.reason}
    for name, at in (("layer", error.layer), ("key", error.key)):
        if at is not None:
            extra[name] = at
    extra["diagnostics"] = to_body(error.diagnostics)
    return error_reply(request.url.path, 422, error.message, extra=extra)


async def _refused(request: Request, error: Refused) -> JSONResponse:
    extra = {"reason": Reason.INVALID_KEYMAP}
    return error_reply(request.url.path, 422, str(error), extra=extra)


async def _unavailable(request: Request, error: Unavailable) -> JSONResponse:
    return unavailable_reply(request.method, request.url.path, error)


async def _too_many_requests(request: Request, error: TooManyRequests) -> JSONResponse:
    extra = {"retry_after": error.retry_after}
    if error.position is not None:
        length = request.app.state.services.queue.view().interactive
        # The view is a moment old: the position may count more.
        extra["queue_position"] = error.position
        extra["queue_length"] = max(length, error.position)
    headers = {"Retry-After": str(error.retry_after)}
    return error_reply(request.url.path, 429, str(error), extra=extra, headers=headers)


async def _http_exception(request: Request, error: HTTPException) -> JSONResponse:
    phrase = http.HTTPStatus(error.status_code).phrase
    headers = dict(error.headers or {})
    if "Allow" in headers:
        headers["Allow"] = _allow(headers["Allow"])
    return error_reply(request.url.path, error.status_code, phrase, headers=headers)


def _allow(methods: str) -> str:
    """What a page knows beside the methods of the one route that was found for it."""
    known = {method.strip() for method in methods.split(",")} | {"OPTIONS"}
    if known & {"GET", "HEAD"}:
        known |= {"GET", "HEAD"}
    return ", ".join(sorted(known))


async def _validation_error(request: Request, error: RequestValidationError) -> JSONResponse:
    faults = "; ".join(f"{item['loc'][-1]}: {item['msg']}" for item in error.errors())
    return error_reply(request.url.path, 422, faults)
