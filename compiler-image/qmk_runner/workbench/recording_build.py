"""A full build that leaves a record of its keyboard, if there is a true one to be had."""

from pathlib import Path

from qmk_runner import compile_command
from qmk_runner.workbench import full_build, programs, record_archive, record_check, recorder
from qmk_runner.workbench.full_build import FullBuild
from qmk_runner.workbench.launcher import Launcher
from qmk_runner.workbench.qmk_server import Output
from qmk_runner.workbench.record import RecordError
from qmk_runner.workbench.recorder import Build, Material
from qmk_runner.workbench.recording import Recording
from qmk_runner.workbench_order import WorkbenchOrder


def run(order: WorkbenchOrder, launcher: Launcher, folder: Path, output: Output) -> FullBuild:
    """Build, and write the record to where the order says.

    A build is none the worse for a record that cannot be made: the log says why.
    """
    recording = Recording(folder / "recording", programs.folders())
    told: list[bytes] = []

    def tell(chunk: bytes) -> None:
        told.append(chunk)
        output(chunk)

    build = full_build.run(
        compile_command.words(order.keymap, order.make_jobs),
        Path(order.tree),
        folder=folder / "build",
        launcher=launcher,
        output=tell,
        first=(recording.programs,),
    )
    if build.returncode == 0 and order.record_to:
        made = Build(
            tree=Path(order.tree),
            digest=order.record_digest,
            keyboard=order.keyboard,
            keymap_name=order.keymap_name,
            calls=build.calls,
            programs=tuple(recording.calls()),
            log=b"".join(told),
        )
        try:
            size = _leave(made, launcher, folder, order)
            output(f"The record of {order.keyboard} has {size} bytes.\n".encode())
        except (RecordError, OSError) as error:
            output(f"No record of {order.keyboard} is left: {error}\n".encode())
    return build


def _leave(build: Build, launcher: Launcher, folder: Path, order: WorkbenchOrder) -> int:
    material = recorder.make(build, launcher)
    true = record_check.without_false_constants(material.record, launcher, build.tree)
    material = Material(true, material.files)
    record_check.check(material, launcher, build.tree, folder / "check", order.make_jobs)
    archive = Path(order.record_to or "")
    record_archive.write(material.record, material.files, build.tree, archive)
    return archive.stat().st_size
