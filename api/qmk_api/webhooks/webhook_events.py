"""What GitHub tells of, and what follows from it: refreshes and messages, without I/O.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from qmk_contract.artifacts import COMMIT_PATTERN
from qmk_contract.channels import ChannelSource
from qmk_contract.discord_message import Severity
from qmk_contract.refresh import RefreshRequest

#: Whose pushes to the default branch are news, as GitHub may or may not capitalise them.
REPOSITORIES = ("qmk/qmk_firmware", "qmk/chibios", "qmk/chibios-contrib")
DEFAULT_REF = "refs/heads/master"
#: Workflows of qmk_firmware whose failures are told.
DEVELOP_MERGE = "Update develop after master merge"
API_DATA = "Update API Data"

_REPOSITORY = r"[A-Za-z0-9_-]{1,64}/[A-Za-z0-9._-]{1,100}"
_REF = r"refs/[^\x00-\x20\x7f]{1,1024}"
#: A user's name, or that of an app such as ``dependabot[bot]``.
_PUSHER = r"[A-Za-z0-9._\[\]-]{1,100}"
_LINK = r"https://[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?/[A-Za-z0-9._~/%+=&?#^:@-]{0,512}"
_LINE = r"[^\x00-\x1f\x7f]{1,1024}"


class UnexpectedPayload(ValueError):
    """A payload lacks what its event always has; the text names the field, and no value."""


@dataclass(frozen=True)
class Push:
    """A ref of a repository moved to the commit ``after``; for a deleted one that is all zeros.

    The rest is only told to people. ``commits`` is how many came; None where nobody can tell.
    """

    repository: str
    ref: str
    after: str
    forced: bool
    commits: int | None
    pusher: str
    compare: str

    @property
    def deleted(self) -> bool:
        return not self.after.strip("0")


@dataclass(frozen=True)
class WorkflowFailure:
    """A run of a workflow ended badly."""

    workflow: str
    branch: str
    url: str


@dataclass(frozen=True)
class News:
    """A line for people."""

    severity: Severity
    text: str


def read_event(name: str, payload: Any) -> Push | WorkflowFailure | None:
    """What a delivery of the event ``name`` tells; None for what is of no interest here.

    Raises:
        UnexpectedPayload
    """
    if not isinstance(payload, dict):
        raise UnexpectedPayload("the payload is not an object")
    if name == "push":
        return _push(payload)
    if name == "workflow_run":
        return _workflow_failure(payload)
    return None


def refreshes(
    push: Push, channels: Iterable[ChannelSource], delivery: str, now: datetime
) -> list[RefreshRequest]:
    """What to ask for: channels that follow the ref that was pushed to."""
    if push.deleted:
        return []
    return [
        RefreshRequest(channel.name, push.after, now, delivery)
        for channel in channels
        if channel.follows(push.repository, push.ref)
    ]


def news(event: Push | WorkflowFailure, channels: Iterable[ChannelSource]) -> News | None:
    """What to tell people; None for what is no news."""
    if isinstance(event, Push):
        return _pushed(event, channels)
    if event.workflow == DEVELOP_MERGE:
        text = f"`master` -> `develop` merge failed! Run: {event.url}"
        return News(Severity.ERROR, text)
    if event.workflow == API_DATA:
        text = f"API data update failed for branch {_plain(event.branch)}"
        return News(Severity.ERROR, text)
    return None


def _push(payload: dict[str, Any]) -> Push:
    repository = _text(payload, "repository.full_name", _REPOSITORY)
    after = _text(payload, "after", COMMIT_PATTERN)
    commits = _find(payload, "commits")
    return Push(
        repository=repository,
        ref=_text(payload, "ref", _REF),
        after=after,
        forced=_find(payload, "forced") is True,
        commits=len(commits) if isinstance(commits, list) else None,
        pusher=_told(payload, "pusher.name", _PUSHER, "somebody"),
        compare=_told(payload, "compare", _LINK, f"https://github.com/{repository}/commit/{after}"),
    )


def _workflow_failure(payload: dict[str, Any]) -> WorkflowFailure | None:
    if _text(payload, "action", _LINE) != "completed":
        return None
    if _text(payload, "workflow_run.conclusion", _LINE) != "failure":
        return None
    return WorkflowFailure(
        workflow=_told(payload, "workflow_run.name", _LINE, ""),
        branch=_told(payload, "workflow_run.head_branch", _LINE, "unknown"),
        url=_told(payload, "workflow_run.html_url", _LINK, "unknown"),
    )


def _pushed(push: Push, channels: Iterable[ChannelSource]) -> News | None:
    ours = push.repository.lower() in REPOSITORIES and push.ref == DEFAULT_REF
    followed = any(channel.follows(push.repository, push.ref) for channel in channels)
    if push.deleted or not (ours or followed):
        return None
    where = push.repository
    if push.ref != DEFAULT_REF:
        where += f" ({_plain(push.ref.split('/', 2)[-1])})"
    force = "force " if push.forced else ""
    commits = "1 commit" if push.commits == 1 else f"{push.commits} commits"
    if push.commits is None:
        commits = "commits"
    text = (
        f"{push.pusher} has {force}pushed {commits} to {where}. Head is now {push.after}. "
        f"Changes: {push.compare}"
    )
    return News(Severity.INFO, text)


def _plain(name: str) -> str:
    """A branch's name without anything that a chat might read as formatting or a link."""
    return re.sub(r"[^A-Za-z0-9._/#+=-]", "_", name)[:100]


def _told(payload: dict[str, Any], path: str, pattern: str, otherwise: str) -> str:
    """A text that only people read: nothing fails for one that is not fit for them."""
    value = _find(payload, path)
    return value if isinstance(value, str) and re.fullmatch(pattern, value) else otherwise


def _text(payload: dict[str, Any], path: str, pattern: str) -> str:
    value = _find(payload, path)
    if not isinstance(value, str):
        raise UnexpectedPayload(f"{path} is missing or of another type")
    if not re.fullmatch(pattern, value):
        raise UnexpectedPayload(f"{path} is not of the form that it should have")
    return value


def _find(payload: dict[str, Any], path: str) -> Any:
    value: Any = payload
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value
