"""Messages for Discord: nobody is called, and nothing is longer than Discord takes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmk_contract.discord_message import (
    CONTENT_LENGTH_MAX,
    Severity,
    discord_message,
    harmless,
)


@pytest.mark.parametrize(
    ("severity", "icon"),
    [
        (Severity.INFO, ":nerd_face:"),
        (Severity.WARNING, ":upside_down_face:"),
        (Severity.ERROR, ":open_mouth:"),
    ],
)
def test_body_has_the_icon_and_allows_no_mention(severity: Severity, icon: str) -> None:
    assert discord_message(severity, "All is well.") == {
        "content": f"{icon} All is well.",
        "allowed_mentions": {"parse": []},
    }


@pytest.mark.parametrize(
    "text",
    ["@everyone", "@here", "a@everyone", "<@1234>", "<@!1234>", "<@&1234>", "<#1234>", "<:x:1>",
     "<a:x:1>", "<t:0:R>", "</cmd:1>", "<id:browse>", "@\u200beveryone", "@ev\u202eeryone"],
)  # fmt: skip
def test_nothing_is_left_that_reads_as_a_mention(text: str) -> None:
    assert not re.search(r"@[a-z!&0-9]|<[@#:/&]|<(?:a|t|id):", harmless(text))


def test_plain_text_links_and_code_stay_as_they_are() -> None:
    text = "`master` -> `develop` failed: <https://github.com/qmk>\nsecond line, 5 < 6, größer"
    assert harmless(text) == text


def test_control_characters_become_spaces() -> None:
    assert harmless("a\x00b\tc\rd\x7fe\u2028f") == "a b c d e f"


def test_long_text_is_cut() -> None:
    content = discord_message(Severity.ERROR, "@" * 5000)["content"]
    assert len(content) == CONTENT_LENGTH_MAX
    assert content.endswith("…")


@given(st.text())
def test_any_text_fits_and_calls_nobody(text: str) -> None:
    content = discord_message(Severity.INFO, text)["content"]
    assert len(content) <= CONTENT_LENGTH_MAX
    assert not re.search(r"@(?!\u200b|…|$)", content)
