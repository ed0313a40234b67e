"""Whose native cluster this machine carries, and what `up` found before it changed anything."""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

Stage = Literal["starting", "ready"]


@dataclass(frozen=True)
class Owner:
    """Written before the first change to the machine, removed after the last one is undone."""

    clone: str
    boot_id: str
    stage: Stage
    programs_key: str
    sysctls: dict[str, str] = field(default_factory=dict)
    absent_folders: list[str] = field(default_factory=list)

    def is_clone(self, clone: Path) -> bool:
        """Whether `clone` is the one that made the cluster."""
        return Path(self.clone) == clone

    def ready(self) -> "Owner":
        """The same owner, with its cluster complete."""
        return replace(self, stage="ready")


def save(owner: Owner, path: Path) -> None:
    """Write the record so that a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps(asdict(owner), indent=2))
    draft.replace(path)


def load(path: Path) -> Owner | None:
    """Read the record; None where there is none or it is damaged."""
    try:
        return Owner(**json.loads(path.read_text()))
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
        return None
