"""The call of the tree's own ``qmk compile``."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from qmk_contract.exit_codes import ExitCode
from qmk_runner import process_group
from qmk_runner.errors import InfrastructureError
from qmk_runner.process_group import Ended


@dataclass(frozen=True)
class Workspace:
    """Folders of one build below the scratch folder."""

    root: Path

    @property
    def tree(self) -> Path:
        return self.root / "tree"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"

    @property
    def downloads(self) -> Path:
        return self.root / "downloads"

    @property
    def keymap(self) -> Path:
        return self.root / "keymap.json"

    def make(self) -> None:
        for folder in (self.tree, self.home, self.temporary, self.downloads):
            folder.mkdir(parents=True)


def command(keymap: str, make_jobs: int) -> tuple[str, ...]:
    """What runs. SKIP_VERSION keeps the date of the build out of the firmware."""
    return (
        *("qmk", "--no-color", "compile", "-j", str(make_jobs)),
        *("-e", "SKIP_VERSION=yes", keymap),
    )


def environment(workspace: Workspace, search_path: str) -> dict[str, str]:
    """All that the build sees of an environment; milc fails without a HOME."""
    return {
        "PATH": search_path,
        "HOME": str(workspace.home),
        "TMPDIR": str(workspace.temporary),
        "QMK_HOME": str(workspace.tree),
        "ORIG_CWD": str(workspace.tree),
        "SKIP_GIT": "yes",
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def run(
    workspace: Workspace,
    *,
    make_jobs: int,
    search_path: str,
    timeout_seconds: float,
    output: Callable[[bytes], None],
) -> Ended:
    """Compile the workspace's keymap.

    Raises:
        InfrastructureError: there is no ``qmk`` on the search path.
    """
    try:
        return process_group.run(
            command(str(workspace.keymap), make_jobs),
            folder=workspace.tree,
            environment=environment(workspace, search_path),
            output=output,
            timeout_seconds=timeout_seconds,
        )
    except FileNotFoundError as error:
        raise InfrastructureError(ExitCode.BAD_ORDER, "This image has no qmk program.") from error
