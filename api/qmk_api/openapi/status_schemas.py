"""What the service tells about keyboards' tests and about itself, as OpenAPI tells it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid")


class BuildSummary(_Reply):
    """How the last test of a keyboard's build ended."""

    works: bool
    warnings: bool
    last_tested: int = Field(description="Seconds since 1970.")


class BuildLog(BuildSummary):
    """How the last test of a keyboard's build ended, and what it printed."""

    message: str


class Fault(_Reply):
    """Something that the firmware tree finds wrong with a keyboard of its own."""

    severity: Literal["error"]
    message: str


class KeyboardCounts(_Reply):
    """How many compiles were asked for, by keyboard. Empty while the counts are away."""

    keyboards: dict[str, int]


class LocationCounts(_Reply):
    """Where callers are is not recorded."""

    locations: dict[str, int] = Field(max_length=0)


class Message(_Reply):
    """Thanks."""

    message: str


class Children(_Reply):
    """Names below this address."""

    children: list[str]


class KeymapSkeleton(_Reply):
    """A keymap to fill in."""

    version: Literal[1]
    notes: str
    documentation: str
    keyboard: None
    keymap: None
    layout: None
    layers: list[list[str]] = Field(max_length=0)
