"""A message for a Discord channel, that cannot call anyone.

Limits and fields: https://discord.com/developers/docs/resources/webhook#execute-webhook
"""

import re
from enum import StrEnum
from typing import Any

CONTENT_LENGTH_MAX = 2000
_CUT = "…"
_NOTHING = "\u200b"
#: Where a mention, a custom emoji, a time or a command begins.
_MARK = re.compile(r"@|<(?=[@#:/&]|a:|t:|id:)")
#: Control characters, other spaces, and what turns the direction of text; but for line ends.
_INVISIBLE = re.compile(
    r"[^\S \n]|[\x00-\x08\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]"
)


class Severity(StrEnum):
    """How urgent a message is: each kind may go to a channel of its own."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


_ICONS = {
    Severity.INFO: ":nerd_face:",
    Severity.WARNING: ":upside_down_face:",
    Severity.ERROR: ":open_mouth:",
}


def discord_message(severity: Severity, text: str) -> dict[str, Any]:
    """The JSON body that Discord takes. Text that is too long is cut."""
    content = f"{_ICONS[severity]} {harmless(text)}"
    if len(content) > CONTENT_LENGTH_MAX:
        content = content[: CONTENT_LENGTH_MAX - len(_CUT)] + _CUT
    return {"content": content, "allowed_mentions": {"parse": []}}


def harmless(text: str) -> str:
    """The text without what Discord reads as a mention, and without invisible characters."""
    return _MARK.sub(lambda mark: mark[0] + _NOTHING, _INVISIBLE.sub(" ", text))
