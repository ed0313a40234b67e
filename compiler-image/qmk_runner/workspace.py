"""The folders of one build. Every attempt finds them empty, at the same paths."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Workspace:
    """Folders below ``root``, the scratch folder: all of ``work`` is one attempt's."""

    root: Path

    @property
    def downloads(self) -> Path:
        """Out of reach of what an attempt runs."""
        return self.root / "downloads"

    @property
    def work(self) -> Path:
        return self.root / "work"

    @property
    def tree(self) -> Path:
        return self.work / "tree"

    @property
    def home(self) -> Path:
        return self.work / "home"

    @property
    def temporary(self) -> Path:
        return self.work / "tmp"

    @property
    def record(self) -> Path:
        """The keyboard's record, unpacked."""
        return self.work / "record"

    @property
    def job(self) -> Path:
        """What the workbench is told, and what it tells."""
        return self.work / "job"

    @property
    def order(self) -> Path:
        return self.job / "order.json"

    @property
    def report(self) -> Path:
        return self.job / "report.json"

    @property
    def new_record(self) -> Path:
        return self.job / "record.tar.zst"

    @property
    def keymap(self) -> Path:
        return self.work / "keymap.json"

    def make(self) -> None:
        """Begin an attempt; what one before it left is out of the way, and nobody's any more."""
        if self.work.exists():
            self.work.rename(self.root / "given-up")
        for folder in (self.tree, self.home, self.temporary, self.record, self.job):
            folder.mkdir(parents=True)
