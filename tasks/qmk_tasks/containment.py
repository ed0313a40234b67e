"""What a firmware tree's own programs run in: the sandbox of builds, by the runner's program.

The runner is called and not imported: it is a deployable of its own, which lies in the same image.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qmk_contract.work_order import SandboxMode


@dataclass(frozen=True)
class Containment:
    """Where programs are found, where the runner's packages are, and what if a layer is missing.

    ``search_path`` and ``packages`` are as PATH and PYTHONPATH have them.
    """

    search_path: str
    packages: str = ""
    mode: SandboxMode = SandboxMode.REQUIRE

    def command(
        self, argv: Sequence[str], *, read: Sequence[Path], write: Sequence[Path]
    ) -> list[str]:
        """A command that reads these folders and writes those; of others it has the system's.

        It ends with ``EX_UNAVAILABLE`` of sysexits.h where there is no sandbox for it.
        """
        return [
            # Without -s and -P a tree's files could be Python's modules outside the sandbox.
            *(sys.executable, "-s", "-P", "-m", "qmk_runner.contained", f"--mode={self.mode}"),
            *(f"--read={folder}" for folder in read),
            *(f"--write={folder}" for folder in write),
            "--",
            *argv,
        ]

    def environment(self) -> dict[str, str]:
        """What the command needs besides its own environment, and does not see."""
        return {"PYTHONPATH": self.packages} if self.packages else {}
