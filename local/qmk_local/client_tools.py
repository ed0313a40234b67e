"""kubectl, helm and kind for a cluster of kind: from PATH where new enough, else built."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qmk_local import go_programs
from qmk_local.commands import CommandFailed, find, run
from qmk_local.progress import Progress
from qmk_local.settings import Settings

PROBE_TIMEOUT_SECONDS = 10.0


@dataclass(frozen=True)
class Tool:
    """A program, how it tells its version, and the oldest one that will do."""

    name: str
    version_arguments: Sequence[str]
    oldest: tuple[int, int]
    program_set: str


TOOLS = (
    Tool("kind", ("version",), (0, 33), "kind"),
    Tool("kubectl", ("version", "--client", "--output=yaml"), (1, 33), "clients"),
    Tool("helm", ("version", "--template={{.Version}}"), (3, 18), "clients"),
)


def parse_version(text: str) -> tuple[int, int] | None:
    """The first version such as `v1.34.4` in what a program prints."""
    match = re.search(r"\bv(\d+)\.(\d+)\.\d+", text)
    return (int(match[1]), int(match[2])) if match else None


def ensure(settings: Settings, progress: Progress) -> None:
    """Offer all three in this clone's bin folder. Raises `LocalError` if building fails."""
    found = {tool.name: _on_path(tool, settings.command_path) for tool in TOOLS}
    wanted = dict.fromkeys(tool.program_set for tool in TOOLS if found[tool.name] is None)
    if wanted:
        go_programs.build(list(wanted), settings, progress)
    settings.bin.mkdir(parents=True, exist_ok=True)
    for name, path in found.items():
        if path is not None:
            link = settings.bin / name
            link.unlink(missing_ok=True)
            link.symlink_to(path)


def _on_path(tool: Tool, command_path: str) -> Path | None:
    program = find(tool.name, command_path)
    if program is None:
        return None
    try:
        version = parse_version(
            run([program, *tool.version_arguments], timeout_s=PROBE_TIMEOUT_SECONDS)
        )
    except CommandFailed:
        return None
    return program.resolve() if version is not None and version >= tool.oldest else None
