"""The ``qmk`` program, run in the sandbox for one of a firmware tree's own subcommands."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qmk_tasks import program
from qmk_tasks.containment import Containment
from qmk_tasks.errors import TaskError

#: The names of all of QMK's own keyboards take 90 KB.
_OUTPUT_BYTES_MAX = 4 << 20
_TAIL_LINES = 20


class QmkFailed(Exception):
    """The subcommand failed: its last words, and in ``reason`` the last line of them."""

    def __init__(self, said: str) -> None:
        lines = [line for line in said.splitlines() if line.strip()] or ["it said nothing"]
        super().__init__("\n".join(lines[-_TAIL_LINES:]))
        last = lines[-1].strip()
        # QMK's own messages go on in lines that are set in.
        indented = lines[-1][0].isspace() and len(lines) > 1
        self.reason = f"{lines[-2].strip()} {last}" if indented else last


@dataclass(frozen=True)
class QmkProgram:
    """What it runs in, and the folder that it has for its own files."""

    containment: Containment
    home: Path

    def run(
        self, tree: Path, arguments: Sequence[str], seconds: float, write: Sequence[Path] = ()
    ) -> str:
        """What a subcommand printed; it has ``seconds``, and is ended with all that it started.

        The tree it can only read, but for the folders ``write`` in it.

        Raises:
            QmkFailed: it failed, was not done in time, or is not there.
            TaskError: there is no sandbox for it.
        """
        self.home.mkdir(parents=True, exist_ok=True)
        ours = environment(tree, self.home, self.containment.search_path)
        command = self.containment.command(
            ["qmk", "--no-color", *arguments], read=[tree], write=[self.home, *write]
        )
        try:
            ended = program.run(
                command,
                {**ours, **self.containment.environment()},
                seconds=seconds,
                output_bytes=_OUTPUT_BYTES_MAX,
                folder=tree,
            )
        except TaskError as error:
            raise QmkFailed(str(error)) from error
        if ended.returncode == os.EX_UNAVAILABLE:
            said = ended.errors.decode("utf-8", "replace").strip()
            raise TaskError(f"the tree's own code was not run: {said}")
        if ended.returncode != 0:
            said = (ended.output + b"\n" + ended.errors).decode("utf-8", "replace")
            if ended.returncode < 0:
                said += f"\nit was ended by signal {-ended.returncode}"
            raise QmkFailed(said.replace(f"{tree}/", ""))
        return ended.output.decode("utf-8", "replace")


def environment(tree: Path, home: Path, search_path: str) -> dict[str, str]:
    """All that the tree's Python sees of an environment."""
    return {
        "PATH": search_path,
        "HOME": str(home),
        "TMPDIR": str(home),
        "QMK_HOME": str(tree),
        "ORIG_CWD": str(tree),
        "SKIP_GIT": "yes",
        "LC_ALL": "C.UTF-8",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
