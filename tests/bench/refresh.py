"""Refreshes of a channel that follows a git repository with a whole firmware tree."""

import json
import secrets
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.figures import row
from tests.e2e.followed_channel import FollowedChannel, followed_channel
from tests.e2e.kubectl import local_kubectl

CHANNEL = "bench"
UNCHANGED = 5
CHANGED = 3
#: The first one of QMK's tree runs its `generate-api` over every keyboard.
SECONDS_MAX = 1800


def figures(tree: Path, keyboard: str) -> Iterator[str]:
    """Times from the Job's creation to its end; a commit changes one keyboard's file each time."""
    with (
        tempfile.TemporaryDirectory() as folder,
        followed_channel(
            local_kubectl(), Path(folder), tree=tree, name=CHANNEL, seconds=SECONDS_MAX
        ) as channel,
    ):
        yield row("refresh: a tree that was never published", [_refresh(channel)])
        yield row("refresh: nothing has changed", [_refresh(channel) for _ in range(UNCHANGED)])
        samples = []
        for _ in range(CHANGED):
            _change(channel, f"keyboards/{keyboard}/keyboard.json")
            samples.append(_refresh(channel))
        yield row("refresh: one keyboard has changed", samples)


def _refresh(channel: FollowedChannel) -> float:
    started = time.monotonic()
    channel.wait(channel.start())
    return time.monotonic() - started


def _change(channel: FollowedChannel, path: str) -> None:
    content = json.loads((channel.repository.work / path).read_text())
    channel.repository.commit({path: json.dumps({**content, "maintainer": secrets.token_hex(4)})})
