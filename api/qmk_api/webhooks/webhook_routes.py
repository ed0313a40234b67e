"""GitHub's webhooks: pushes that move a channel, and news for people."""

import hashlib
import json
import re
import urllib.parse
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from qmk_api.body import parse_json, received
from qmk_api.errors import ApiError
from qmk_api.openapi.openapi_replies import ERRORS, errors
from qmk_api.ports import Repeated
from qmk_api.services import Services, ServicesOf
from qmk_api.webhooks.webhook_events import Push, UnexpectedPayload, news, read_event, refreshes
from qmk_api.webhooks.webhook_signature import signed, well_formed
from qmk_contract import artifacts
from qmk_contract.codec import to_body

#: GitHub's own bound, https://docs.github.com/en/webhooks/webhook-events-and-payloads.
BODY_BYTES_MAX = 25 << 20
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
HEADERS = {
    "X-GitHub-Event": (r"[a-z_]{1,64}", "What the delivery tells of."),
    "X-GitHub-Delivery": (r"[A-Za-z0-9-]{8,64}", "The delivery's id; each is taken once."),
    "X-Hub-Signature-256": (r"sha256=[0-9a-f]{64}", "HMAC-SHA256 of the body, with the secret."),
}
_PAYLOAD = {"type": "object", "description": "As GitHub documents it for the event."}
router = APIRouter(tags=["webhooks"], responses=ERRORS)


@router.post(
    "/postreceive",
    status_code=204,
    responses=errors(400, 403, 408, 409, 413, 415),
    openapi_extra={
        "parameters": [
            {
                "name": name,
                "in": "header",
                "required": True,
                "description": description,
                "schema": {"type": "string", "pattern": f"^{pattern}$"},
            }
            for name, (pattern, description) in HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {
                JSON: {"schema": _PAYLOAD},
                FORM: {
                    "schema": {
                        "type": "object",
                        "required": ["payload"],
                        "properties": {"payload": {"type": "string", "description": "The JSON."}},
                    }
                },
            },
        },
    },
)
async def receive_webhook(request: Request, services: ServicesOf) -> Response:
    """Take a webhook of GitHub. A push to the ref of a channel asks for a refresh of that."""
    secrets = services.settings.webhooks.secrets
    if not secrets:
        raise ApiError(403, "webhooks are not configured")
    event, delivery, media_type = _told(request.headers)
    signature = request.headers.get("x-hub-signature-256", "")
    refusal = ApiError(403, "X-Hub-Signature-256 is missing or wrong")
    if not well_formed(signature):
        raise refusal

    def read(raw: bytes) -> tuple[Any, str]:
        if not signed(raw, signature, secrets):
            raise refusal
        return _payload(raw, media_type), hashlib.sha256(raw).hexdigest()

    async with received(request, BODY_BYTES_MAX) as raw:
        payload, digest = await services.body_room.work(raw, read)
    # The id is not signed, so that a recorded delivery could come with another one.
    names = (delivery, digest)
    try:
        async with services.deliveries.handling(*names):
            await _handle(services, event, payload, delivery)
    except Repeated as error:
        raise ApiError(409, f"delivery {delivery} was taken already") from error
    except UnexpectedPayload as error:
        raise ApiError(400, f"Invalid payload: {error}") from error
    return Response(status_code=204)


async def _handle(services: Services, name: str, payload: Any, delivery: str) -> None:
    event = read_event(name, payload)
    if event is None:
        return
    settings = services.settings.webhooks
    channels = settings.channels
    if isinstance(event, Push):
        asked = refreshes(event, channels, delivery, datetime.now(UTC))
        for wanted in asked:
            content = json.dumps(to_body(wanted)).encode()
            key = artifacts.refresh_request(wanted.channel)
            await services.artifacts.write(key, content, artifacts.JSON)
        if asked and settings.start_refreshes:
            await services.refreshes.start([wanted.channel for wanted in asked])
    told = news(event, channels)
    if told is not None:
        services.chat.post(told.severity, told.text)


def _told(headers: Mapping[str, str]) -> tuple[str, str, str]:
    """Event, delivery id and media type."""
    told = []
    for name in ("X-GitHub-Event", "X-GitHub-Delivery"):
        value = headers.get(name, "")
        if not re.fullmatch(HEADERS[name][0], value):
            raise ApiError(400, f"{name} is {'not fit' if value else 'missing'}")
        told.append(value)
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if not media_type:
        raise ApiError(400, "Content-Type is missing")
    if media_type not in (JSON, FORM):
        raise ApiError(415, f"Content-Type must be {JSON} or {FORM}")
    return told[0], told[1], media_type


def _payload(raw: bytes, media_type: str) -> Any:
    if media_type == JSON:
        return parse_json(raw)
    try:
        fields = urllib.parse.parse_qs(
            raw.decode("ascii"), strict_parsing=True, errors="strict", max_num_fields=1
        )
    except ValueError as error:
        raise ApiError(400, "Invalid form: it must be the one field payload") from error
    if list(fields) != ["payload"]:
        raise ApiError(400, "Invalid form: it must be the one field payload")
    return parse_json(fields["payload"][0].encode())
