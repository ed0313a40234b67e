"""A published firmware tree: the channel's pointer and the manifest of a commit's layers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

SCHEMA = 1
#: The one folder in a commit's source archive.
SOURCE_FOLDER = "qmk_firmware"


@dataclass(frozen=True)
class Channel:
    """Where a channel points: moved last, after everything of the commit is in place."""

    channel: str
    commit: str
    published: datetime
    #: When the source said that this is its commit: an older answer never replaces a newer one.
    resolved: datetime | None = None
    schema: int = SCHEMA


@dataclass(frozen=True)
class Layer:
    """One archive: its object key, size in bytes, and SHA-256 in hexadecimal."""

    key: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """All layers of a commit. ``keyboards`` maps top-level keyboard folders to their layers.

    ``generator`` is None in snapshots of before there was one: no record is used with them.
    ``contents`` has a digest of the files that went into each part, by the part's name, so that
    the next snapshot can tell what it need not make again.
    """

    commit: str
    created: datetime
    core: Layer
    source: Layer
    keyboards: Mapping[str, Layer] = field(default_factory=dict)
    chibios: Layer | None = None
    generator: Layer | None = None
    contents: Mapping[str, str] = field(default_factory=dict)
    schema: int = SCHEMA

    def layers_for(self, keyboard: str, platform: str) -> tuple[Layer, ...]:
        """What a build of one keyboard unpacks, in order.

        Raises:
            KeyError: the tree has no folder of that keyboard.
        """
        folder = self.keyboards[keyboard.split("/", 1)[0]]
        if platform == "avr" or self.chibios is None:
            return (self.core, folder)
        return (self.core, self.chibios, folder)
