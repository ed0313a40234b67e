"""Deliveries as GitHub makes them: payloads cut down to what is read, headers and signature."""

import hashlib
import hmac
import json
from typing import Any

SECRET = "it-is-a-secret-to-everybody"
AFTER = "b" * 40
DELIVERY = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
COMPARE = "https://github.com/qmk/qmk_firmware/compare/aaaaaaaaaaaa...bbbbbbbbbbbb"
RUN_URL = "https://github.com/qmk/qmk_firmware/actions/runs/123456789"


def push(**changes: Any) -> dict[str, Any]:
    """A push of two commits to the default branch."""
    return {
        "ref": "refs/heads/master",
        "before": "a" * 40,
        "after": AFTER,
        "forced": False,
        "deleted": False,
        "commits": [{"id": "1" * 40}, {"id": AFTER}],
        "repository": {"id": 56553309, "full_name": "qmk/qmk_firmware"},
        "pusher": {"name": "zvecr", "email": None},
        "compare": COMPARE,
        **changes,
    }


def workflow_run(name: str, *, action: str = "completed", **changes: Any) -> dict[str, Any]:
    """A run of a workflow that failed."""
    run = {"name": name, "conclusion": "failure", "head_branch": "develop", "html_url": RUN_URL}
    return {"action": action, "workflow_run": run | changes}


def signature(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def headers(
    body: bytes, event: str = "push", delivery: str = DELIVERY, secret: str = SECRET
) -> dict[str, str]:
    return {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery,
        "X-Hub-Signature-256": signature(body, secret),
    }


def encoded(payload: Any) -> bytes:
    return payload if isinstance(payload, bytes) else json.dumps(payload).encode()
