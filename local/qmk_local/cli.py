"""The commands behind the Makefile's targets."""

import signal
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from qmk_local import go_programs, packages, status
from qmk_local import up as cluster
from qmk_local.errors import LocalError
from qmk_local.images import build_all
from qmk_local.progress import Progress
from qmk_local.settings import Settings

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)


@app.command()
def up() -> None:
    """Start a Kubernetes cluster on this machine and load all images into it."""
    settings = Settings.from_environment()
    with Progress() as progress:
        running = cluster.up(settings, progress, build_all)
        for line in status.closing_lines(running):
            progress.note(line)


@app.command()
def down() -> None:
    """Stop the cluster and remove everything that `up` made."""
    settings = Settings.from_environment()
    with Progress() as progress:
        cluster.down(settings, progress)
        progress.note("Down.")


@app.command(name="status")
def show_status() -> None:
    """Say what of the cluster runs; the exit code is 1 unless all of it does."""
    settings = Settings.from_environment()
    with Progress() as progress:
        found = status.look(settings, progress)
        for line in found.lines:
            progress.note(line)
    raise typer.Exit(0 if found.complete else 1)


@app.command()
def images(
    refresh: Annotated[bool, typer.Option(help="Build anew from today's packages.")] = False,
) -> None:
    """Build the images only."""
    settings = Settings.from_environment()
    with Progress() as progress:
        backend = cluster.choose(settings, progress)
        for name, image in build_all(settings, progress, backend, refresh=refresh).items():
            progress.note(f"{name}: {image.reference}")


@app.command()
def prepare() -> None:
    """Build or install the programs that the integration tests start."""
    settings = Settings.from_environment()
    with Progress() as progress:
        packages.ensure(packages.missing_for_tests(settings.command_path), progress)
        go_programs.build(("cluster",), settings, progress)


@app.command()
def install() -> None:
    """Cluster, chart and firmware to build from: all of the demo but the keymap."""
    from qmk_local.demo import install as install_all  # as below

    settings = Settings.from_environment()
    with Progress() as progress:
        install_all(settings, progress)


@app.command()
def demo() -> None:
    """From nothing to a firmware: cluster, chart, firmware snapshot, one keymap."""
    from qmk_local.demo import run_demo  # the other commands need none of what it imports

    settings = Settings.from_environment()
    with Progress() as progress:
        run_demo(settings, progress)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Run one command and exit: 1 after a failure that it can explain.

    Being asked to end is treated as Ctrl-C is, so that what was started is ended too.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        app()
    except LocalError as error:
        Console(stderr=True, highlight=False, soft_wrap=True).print(f"Error: {error}", markup=False)
        raise SystemExit(1) from error
