"""Channels: what is one, and which pushes move it."""

from typing import Any

import pytest

from qmk_contract.channels import ChannelSource, read_channels

MASTER = {"name": "master", "url": "https://github.com/qmk/qmk_firmware", "ref": "master"}


@pytest.mark.parametrize(
    ("url", "repository", "ref", "follows"),
    [
        ("https://github.com/qmk/qmk_firmware", "qmk/qmk_firmware", "refs/heads/master", True),
        ("https://github.com/qmk/qmk_firmware.git", "QMK/QMK_Firmware", "refs/heads/master", True),
        ("ssh://git@github.com/qmk/qmk_firmware/", "qmk/qmk_firmware", "refs/tags/master", True),
        ("https://github.com/qmk/qmk_firmware", "qmk/qmk_firmware", "refs/heads/develop", False),
        ("https://github.com/qmk/qmk_firmware", "evil/qmk_firmware", "refs/heads/master", False),
        ("https://github.com/qmk/qmk_firmware", "mk/qmk_firmware", "refs/heads/master", False),
    ],
)
def test_a_push_moves_the_channel_of_its_branch(
    url: str, repository: str, ref: str, follows: bool
) -> None:
    assert ChannelSource("master", url, "master").follows(repository, ref) is follows


def test_channels_are_read() -> None:
    assert read_channels([MASTER]) == (ChannelSource(**MASTER),)


@pytest.mark.parametrize(
    "document",
    [
        {},
        [MASTER, MASTER],
        ["master"],
        [{"name": "master"}],
        [{**MASTER, "name": "Master!"}],
        [{**MASTER, "url": "--upload-pack=x"}],
        [{**MASTER, "ref": "-b"}],
        [{**MASTER, "ref": "a..b"}],
        [{**MASTER, "ref": 5}],
        [{**MASTER, "folder": "x"}],
    ],
)
def test_what_is_no_list_of_channels_is_refused(document: Any) -> None:
    with pytest.raises(ValueError, match=r"channel|list"):
        read_channels(document)
