"""What a client wants compiled: the body of POST /v1/compile through the allow-list."""

import re
from dataclasses import dataclass
from typing import Any

from qmk_api.errors import ApiError
from qmk_contract.artifacts import CHANNEL_PATTERN
from qmk_contract.errors import RequestError
from qmk_contract.keyboards import check_keyboard_name
from qmk_contract.keymap import Keymap, normalise_keymap, sanitise_name
from qmk_contract.phases import Reason

REQUIRED = ("keyboard", "layout", "layers")


@dataclass(frozen=True)
class CompileRequest:
    """A well-formed request. ``keyboard`` may be an alias; ``channel`` None is the default one."""

    keyboard: str
    keymap_name: str
    keymap: Keymap
    channel: str | None


def read_compile_request(body: Any) -> CompileRequest:
    """Check everything that can be checked without knowing the firmware tree.

    Raises:
        ApiError: 400, the body is no object or lacks a key.
        RequestError: a value that no build can be made of.
    """
    if not isinstance(body, dict):
        raise ApiError(400, "Invalid JSON data: the body must be an object")
    missing = [name for name in REQUIRED if body.get(name) is None]
    if missing:
        raise ApiError(400, f"Invalid or missing keys: {', '.join(missing)}")
    name = body.get("keymap")
    if not isinstance(name, str | None):
        raise RequestError(Reason.INVALID_KEYMAP, "keymap must be a string, the keymap's name")
    return CompileRequest(
        keyboard=check_keyboard_name(body["keyboard"]),
        keymap_name=sanitise_name(name),
        keymap=normalise_keymap(body),
        channel=_channel(body.get("branch")),
    )


def _channel(branch: object) -> str | None:
    if branch is None or branch == "":
        return None
    if not isinstance(branch, str) or not re.fullmatch(CHANNEL_PATTERN, branch):
        raise RequestError(Reason.UNKNOWN_CHANNEL, "branch must name a published firmware channel")
    return branch
