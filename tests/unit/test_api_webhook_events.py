"""What follows from GitHub's events: which refreshes, and which words for people."""

import contextlib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmk_api.webhooks.webhook_events import (
    News,
    Push,
    UnexpectedPayload,
    WorkflowFailure,
    news,
    read_event,
    refreshes,
)
from qmk_contract.channels import ChannelSource
from qmk_contract.discord_message import Severity
from tests.unit.github_webhooks import AFTER, COMPARE, RUN_URL, push, workflow_run

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
CHANNELS = (
    ChannelSource("master", "https://github.com/qmk/qmk_firmware.git", "master"),
    ChannelSource("also-master", "https://github.com/QMK/QMK_Firmware", "master"),
    ChannelSource("develop", "https://github.com/qmk/qmk_firmware", "develop"),
    ChannelSource("fork", "https://github.com/someone/fork", "main"),
)


def read_push(**changes: Any) -> Push:
    event = read_event("push", push(**changes))
    assert isinstance(event, Push)
    return event


def repository(name: str) -> dict[str, str]:
    return {"full_name": name}


@pytest.mark.parametrize(
    ("changes", "channels"),
    [
        ({}, ["master", "also-master"]),
        ({"repository": repository("QMK/qmk_Firmware")}, ["master", "also-master"]),
        ({"ref": "refs/heads/develop"}, ["develop"]),
        ({"ref": "refs/heads/master2"}, []),
        ({"ref": "refs/tags/0.27.0"}, []),
        ({"repository": repository("someone/fork")}, []),
        ({"repository": repository("someone/fork"), "ref": "refs/heads/main"}, ["fork"]),
        ({"repository": repository("other/qmk_firmware")}, []),
        ({"after": "0" * 40}, []),
        ({"after": "0" * 64}, []),
    ],
)
def test_push_asks_for_a_refresh_of_each_channel_that_follows_it(
    changes: Any, channels: list[str]
) -> None:
    wanted = refreshes(read_push(**changes), CHANNELS, "delivery-1", NOW)
    assert [request.channel for request in wanted] == channels
    assert {request.commit for request in wanted} <= {AFTER}
    assert {(request.requested, request.delivery) for request in wanted} <= {(NOW, "delivery-1")}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {},
            f"zvecr has pushed 2 commits to qmk/qmk_firmware. Head is now {AFTER}. "
            f"Changes: {COMPARE}",
        ),
        (
            {"forced": True, "commits": []},
            f"zvecr has force pushed 0 commits to qmk/qmk_firmware. Head is now {AFTER}. "
            f"Changes: {COMPARE}",
        ),
        (
            {"repository": repository("qmk/ChibiOS-Contrib"), "commits": [{}]},
            f"zvecr has pushed 1 commit to qmk/ChibiOS-Contrib. Head is now {AFTER}. "
            f"Changes: {COMPARE}",
        ),
        (
            {"ref": "refs/heads/develop", "pusher": {"name": "qmk-bot[bot]"}},
            f"qmk-bot[bot] has pushed 2 commits to qmk/qmk_firmware (develop). "
            f"Head is now {AFTER}. Changes: {COMPARE}",
        ),
    ],
)
def test_push_is_told_in_these_words(changes: Any, text: str) -> None:
    assert news(read_push(**changes), CHANNELS) == News(Severity.INFO, text)


@pytest.mark.parametrize("name", ["qmk/qmk_firmware", "qmk/ChibiOS", "QMK/chibios-contrib"])
def test_pushes_to_the_three_repositories_are_news_without_any_channel(name: str) -> None:
    assert news(read_push(repository=repository(name)), ()) is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"ref": "refs/heads/xap"},
        {"ref": "refs/tags/0.27.0"},
        {"repository": repository("qmk/qmk_configurator")},
        {"after": "0" * 40},
    ],
)
def test_other_pushes_are_no_news(changes: Any) -> None:
    assert news(read_push(**changes), CHANNELS[:1]) is None


@pytest.mark.parametrize(
    ("workflow", "text"),
    [
        (
            "Update develop after master merge",
            f"`master` -> `develop` merge failed! Run: {RUN_URL}",
        ),
        ("Update API Data", "API data update failed for branch develop"),
    ],
)
def test_failures_of_two_workflows_are_told(workflow: str, text: str) -> None:
    event = read_event("workflow_run", workflow_run(workflow))
    assert isinstance(event, WorkflowFailure)
    assert news(event, CHANNELS) == News(Severity.ERROR, text)


def test_other_workflows_may_fail_unheard() -> None:
    event = read_event("workflow_run", workflow_run("CI Builds"))
    assert isinstance(event, WorkflowFailure)
    assert news(event, CHANNELS) is None


@pytest.mark.parametrize(
    "payload",
    [
        workflow_run("Update API Data", conclusion="success"),
        workflow_run("Update API Data", conclusion="cancelled"),
        workflow_run("Update API Data", action="requested", conclusion=None),
        workflow_run("Update API Data", action="in_progress", conclusion=None),
    ],
)
def test_runs_that_did_not_fail_are_of_no_interest(payload: Any) -> None:
    assert read_event("workflow_run", payload) is None


@pytest.mark.parametrize("name", ["ping", "pull_request", "star", "check_run"])
def test_other_events_are_of_no_interest(name: str) -> None:
    assert read_event(name, {"zen": "Keep it logically awesome."}) is None


def test_names_of_branches_cannot_format_or_call() -> None:
    branch = "@everyone](https://evil.example)`**x**\u202e"
    event = read_event("workflow_run", workflow_run("Update API Data", head_branch=branch))
    assert isinstance(event, WorkflowFailure)
    told = news(event, ())
    assert told is not None
    assert told.text == (
        "API data update failed for branch _everyone__https_//evil.example____x___"
    )


PUSHED = f"to qmk/qmk_firmware. Head is now {AFTER}. Changes:"
COMMIT_URL = f"https://github.com/qmk/qmk_firmware/commit/{AFTER}"


UNFIT_PUSHERS: list[Any] = [
    None, {}, "zvecr", {"name": None}, {"name": "Jane Doe"}, {"name": "@everyone"},
    {"name": ""}, {"name": "x" * 101},
]  # fmt: skip
UNFIT_LINKS: list[Any] = [
    None, 5, "http://github.com/x", "javascript:alert(1)", "https://github.com/x y",
    "https://github.com/<@1>", "https://user:pw@github.com/x", "https://github.com/" + "x" * 600,
]  # fmt: skip
UNFIT_LISTS: list[Any] = [None, {}, 3]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"forced": "yes"}, f"zvecr has pushed 2 commits {PUSHED} {COMPARE}"),
        *(
            ({"commits": unfit}, f"zvecr has pushed commits {PUSHED} {COMPARE}")
            for unfit in UNFIT_LISTS
        ),
        *(
            ({"pusher": unfit}, f"somebody has pushed 2 commits {PUSHED} {COMPARE}")
            for unfit in UNFIT_PUSHERS
        ),
        *(
            ({"compare": unfit}, f"zvecr has pushed 2 commits {PUSHED} {COMMIT_URL}")
            for unfit in UNFIT_LINKS
        ),
    ],
)
def test_what_only_people_read_refuses_no_push(changes: Any, text: str) -> None:
    moved = read_push(**changes)
    wanted = refreshes(moved, CHANNELS, "delivery-1", NOW)
    assert [request.channel for request in wanted] == ["master", "also-master"]
    assert news(moved, CHANNELS) == News(Severity.INFO, text)


def test_a_push_may_tell_no_more_than_where_and_what() -> None:
    payload = {name: push()[name] for name in ("repository", "ref", "after")}
    moved = read_event("push", payload)
    assert isinstance(moved, Push)
    assert len(refreshes(moved, CHANNELS, "delivery-1", NOW)) == 2
    told = news(moved, CHANNELS)
    assert told == News(Severity.INFO, f"somebody has pushed commits {PUSHED} {COMMIT_URL}")


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (workflow_run("CI Builds", head_branch=None, html_url=None), None),
        (workflow_run("a\nb"), None),
        (workflow_run("CI Builds") | {"workflow_run": {"conclusion": "failure"}}, None),
        (workflow_run("Update API Data", head_branch=None), "failed for branch unknown"),
        (
            workflow_run("Update develop after master merge", html_url="ftp://x/y"),
            "merge failed! Run: unknown",
        ),
    ],
)
def test_what_only_people_read_refuses_no_workflow(payload: Any, text: str | None) -> None:
    event = read_event("workflow_run", payload)
    assert event is not None
    told = news(event, CHANNELS)
    assert (told is None) == (text is None)
    assert told is None or told.text.endswith(str(text))


BAD_PUSHES: list[dict[str, Any]] = [
    {"ref": None},
    {"ref": 5},
    {"ref": ""},
    {"ref": "master"},
    {"ref": "refs/heads/a b"},
    {"ref": "refs/heads/" + "x" * 2000},
    {"after": None},
    {"after": "xyz"},
    {"after": "B" * 40},
    {"after": "b" * 41},
    {"repository": None},
    {"repository": []},
    {"repository": "qmk/qmk_firmware"},
    {"repository": {"full_name": "../../x"}},
    {"repository": {"full_name": "qmk"}},
    {"repository": {"full_name": "a/b/c"}},
    {"repository": {"full_name": ["qmk/qmk_firmware"]}},
]


@pytest.mark.parametrize("changes", BAD_PUSHES)
def test_push_that_is_not_as_github_sends_it_is_refused_by_field(changes: Any) -> None:
    with pytest.raises(UnexpectedPayload, match=next(iter(changes))):
        read_event("push", push(**changes))


@pytest.mark.parametrize("payload", [None, [], "text", 5, True])
@pytest.mark.parametrize("name", ["push", "ping"])
def test_payload_must_be_an_object(name: str, payload: Any) -> None:
    with pytest.raises(UnexpectedPayload, match="not an object"):
        read_event(name, payload)


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"action": None},
        {"action": "completed"},
        {"action": "completed", "workflow_run": None},
        workflow_run("Update API Data", conclusion=5),
    ],
)
def test_workflow_run_that_is_not_as_github_sends_it_is_refused(payload: Any) -> None:
    with pytest.raises(UnexpectedPayload):
        read_event("workflow_run", payload)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(["push", "workflow_run"]), st.sampled_from(sorted(push())), json_values)
def test_no_value_in_any_field_raises_anything_else(event: str, field: str, value: Any) -> None:
    payload = push(**{field: value}) | {"action": value, "workflow_run": value}
    with contextlib.suppress(UnexpectedPayload):
        read_event(event, payload)
