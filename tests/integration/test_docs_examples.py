"""docs/http-api.md tells the truth: its calls are made, and what it shows is what comes back."""

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from qmk_api.openapi.schemas import Error
from tests.build_pod import ROOT
from tests.integration.api_process import ApiSystem
from tests.integration.curl import curl
from tests.waiting import wait_for

PAGE = (ROOT / "docs/http-api.md").read_text()
LOCAL = "http://127.0.0.1:8080"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: Strings that are others each time, and what stands for all of their kind.
CHANGING = (
    (re.compile(r"\b[0-9a-f]{40,64}\b"), "DIGEST"),
    (re.compile(r"\b[a-z2-7]{26}\b"), "BUILD_KEY"),
    (re.compile(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT"), "DATE"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d GMT"), "DATE"),
)
ANY = "…"


@dataclass
class Reader:
    """Follows the page from its top, in a folder of its own."""

    system: ApiSystem
    folder: Path
    job_id: str = "none yet"
    printed: str = ""
    called: list[str] = field(default_factory=list)

    def call(self, command: str) -> None:
        """Make a call of the page; the job is the one that an earlier call has made."""
        if "JOB_ID" in command:
            self._wait_for_end()
        address = self.system.apis[0].url
        self.called.append(command)
        command = command.replace(LOCAL, address).replace("JOB_ID", self.job_id)
        self.printed = curl(command, self.folder)
        if "job_id" in self.printed:
            self.job_id = json.loads(self.printed)["job_id"]

    def _wait_for_end(self) -> None:
        url = f"{self.system.apis[0].url}/v1/compile/{self.job_id}"
        wait_for(
            f"the end of {self.job_id}",
            lambda: httpx.get(url).json()["status"] == "finished",
            seconds=30,
        )


@pytest.fixture
def reader(demo: ApiSystem, tmp_path: Path) -> Reader:
    return Reader(demo, tmp_path)


def test_every_example_runs_and_shows_what_comes_back(reader: Reader) -> None:
    before = ""
    for language, text in BLOCK.findall(PAGE):
        if language == "sh":
            for command in re.sub(r"\\\n", "", text).strip().split("\ncurl "):
                reader.call("curl " + command.removeprefix("curl "))
        elif language == "json":
            shown = json.loads(text)
            if before == "sh":
                compare(shown, json.loads(reader.printed), reader.called[-1])
            else:
                Error.model_validate(shown)
        before = language
    assert len(reader.called) > 10
    assert (reader.folder / "demo_pad6_mine.hex").read_bytes().startswith(b":")
    assert (reader.folder / "source.zip").stat().st_size > 10_000


def test_layout_is_shown_as_it_is_sent(reader: Reader) -> None:
    blocks = BLOCK.findall(PAGE)
    at = next(number for number, (_, text) in enumerate(blocks) if "/converters/kle" in text)
    reader.call(blocks[at][1])
    assert reader.printed == blocks[at + 1][1].removesuffix("\n")


def compare(shown: Any, sent: Any, where: str) -> None:
    """What is shown is there, of the same kind; "…" is anything, or all the rest.

    Numbers are of the same kind only: sizes and times are others each time.
    """
    if shown == ANY:
        return
    where_now = f"{where}: shown {shown!r}, sent {sent!r}"
    if isinstance(shown, dict):
        assert isinstance(sent, dict), where_now
        members = {name for name in shown if name != ANY}
        assert members <= set(sent), f"{where}: {members - set(sent)} is not sent"
        assert ANY in shown or members == set(sent), f"{where}: {set(sent) - members} is not shown"
        for name in members:
            compare(shown[name], sent[name], f"{where}.{name}")
    elif isinstance(shown, list):
        assert isinstance(sent, list), where_now
        assert len(shown) == len(sent) or shown[-1] == ANY, where_now
        for number, (one, other) in enumerate(zip(shown, sent, strict=False)):
            compare(one, other, f"{where}[{number}]")
    elif isinstance(shown, str):
        assert isinstance(sent, str), where_now
        pattern = ".*".join(re.escape(part) for part in alike(shown).split(ANY))
        assert re.fullmatch(pattern, alike(sent), re.DOTALL), where_now
    elif isinstance(shown, bool) or shown is None:
        assert shown is sent, where_now
    else:
        assert isinstance(sent, int | float), where_now
        assert not isinstance(sent, bool), where_now


def alike(text: str) -> str:
    """A text with what changes each time replaced by what it is."""
    for pattern, kind in CHANGING:
        text = pattern.sub(kind, text)
    return text
