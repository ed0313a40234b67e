"""Firmware channels: where the tree behind each of them comes from."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from qmk_contract.artifacts import CHANNEL_PATTERN

URL_PATTERN = r"(?:https?|ssh|git|file)://[A-Za-z0-9._~:@/%+-]{1,512}"
REF_PATTERN = r"[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,126}[A-Za-z0-9])?"


@dataclass(frozen=True)
class ChannelSource:
    """A git repository and the branch, tag or commit of it that a channel follows."""

    name: str
    url: str
    ref: str

    def follows(self, repository: str, ref: str) -> bool:
        """Whether a push to ``ref`` of ``repository`` (owner/name, any case) moves this channel."""
        path = self.url.removesuffix("/").removesuffix(".git").lower()
        ours = path.endswith(f"/{repository.lower()}")
        return ours and ref in (self.ref, f"refs/heads/{self.ref}", f"refs/tags/{self.ref}")


def read_channels(document: Any) -> tuple[ChannelSource, ...]:
    """Read a list of ``{"name", "url", "ref"}``.

    Raises:
        ValueError: it is none, or names a channel twice; the text says where.
    """
    if not isinstance(document, list):
        raise ValueError("must be a list of {name, url, ref}")
    channels = tuple(_read(number, entry) for number, entry in enumerate(document))
    if len(_names(channels)) < len(channels):
        raise ValueError("two channels have the same name")
    return channels


def _read(number: int, entry: Any) -> ChannelSource:
    if not isinstance(entry, Mapping) or set(entry) != {"name", "url", "ref"}:
        raise ValueError(f"channel {number} must have name, url and ref")
    for field, pattern in (("name", CHANNEL_PATTERN), ("url", URL_PATTERN), ("ref", REF_PATTERN)):
        value = entry[field]
        if not isinstance(value, str) or not re.fullmatch(pattern, value) or ".." in value:
            raise ValueError(f"channel {number}: {field} is not fit: {value!r}")
    return ChannelSource(entry["name"], entry["url"], entry["ref"])


def _names(channels: Iterable[ChannelSource]) -> set[str]:
    return {channel.name for channel in channels}
