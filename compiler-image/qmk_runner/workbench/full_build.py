"""The full path: the tree's own ``qmk compile``, with nothing changed but the time it takes."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qmk_contract.result import Step
from qmk_runner.workbench import compiler_probes, programs
from qmk_runner.workbench.launcher import Launcher
from qmk_runner.workbench.qmk_server import Call, Output, QmkServer


@dataclass(frozen=True)
class FullBuild:
    """How it ended; ``calls`` are those of ``qmk`` that make asked for, in order of their ends."""

    returncode: int
    times: Mapping[str, int]
    calls: tuple[Call, ...] = ()


def run(
    compile_command: Sequence[str],
    tree: Path,
    *,
    folder: Path,
    launcher: Launcher | None,
    output: Output,
    first: tuple[Path, ...] = (),
) -> FullBuild:
    """Compile a keymap with the whole tree.

    ``folder`` is a new one for what is needed beside the tree, ``first`` comes before everything
    on the search path. Without a launcher each ``qmk`` is a process of its own.
    """
    folder.mkdir(parents=True)
    changes = {}
    if probes := compiler_probes.makefile(tree):
        (folder / "compiler_probes.mk").write_text(probes)
        changes["MAKEFILES"] = str(folder / "compiler_probes.mk")
    begun = time.monotonic()
    if launcher is None:
        changes["PATH"] = programs.search_path(*first)
        ended = programs.stream(compile_command, tree, changes, output)
        return FullBuild(ended, _times(begun, 0))
    server = QmkServer(launcher, folder / "qmk")
    changes["PATH"] = programs.search_path(*first, server.programs)
    returncode = server.run(compile_command[1:], folder=tree, environment=changes, output=output)
    generating = sum(call.seconds for call in server.calls)
    return FullBuild(returncode, _times(begun, generating), tuple(server.calls))


def _times(begun: float, generating: float) -> Mapping[str, int]:
    """make asks for generated files one after the other, before and between its compilations."""
    whole = time.monotonic() - begun
    generate = min(generating, whole)
    return {
        Step.GENERATE: round(1000 * generate),
        Step.COMPILE: round(1000 * (whole - generate)),
    }
