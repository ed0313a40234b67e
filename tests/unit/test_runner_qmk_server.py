"""Calls of qmk from other processes, served by forks: how they end, and how they fail."""

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qmk_runner.workbench.launcher import Fork, Launcher
from qmk_runner.workbench.qmk_server import QmkServer, ServerFailedError


def played() -> int:
    """A command of the tree: "make" calls qmk again, as make does."""
    word, *more = sys.argv[1:]
    if word == "make":
        ended = subprocess.run(["qmk", *more], stdin=subprocess.DEVNULL, check=False)
        os.write(1, b"ended with %d\n" % ended.returncode)
        raise SystemExit(2 if ended.returncode else 0)
    if word == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "long":
        os.write(2, b"x" * 200_000)
    os.write(2, b"no good\n")
    raise SystemExit(3)


class Starved(Launcher):
    """Starts the first command, and then no more."""

    def __init__(self, error: int) -> None:
        super().__init__(played, {})
        self._errors = [0, error]

    def start(self, *arguments: Any, **named: Any) -> Fork:
        if error := self._errors.pop(0):
            raise OSError(error, os.strerror(error))
        return super().start(*arguments, **named)


def serve(folder: Path, launcher: Launcher, command: str) -> tuple[int | None, str]:
    """The exit code, None where the server failed, and all output."""
    server, said = QmkServer(launcher, folder / "server"), list[bytes]()
    path = f"{server.programs}:{folder / 'bin'}:/usr/bin:/bin"
    try:
        code = server.run(
            ["make", command], folder=folder, environment={"PATH": path}, output=said.append
        )
    except ServerFailedError:
        return None, b"".join(said).decode()
    return code, b"".join(said).decode()


@pytest.fixture(autouse=True)
def _deadline() -> Iterator[None]:
    """A client that is never answered is what these tests look for: it ends them."""

    def give_up(_signal: int, _frame: object) -> None:
        raise TimeoutError("a client of the server was not answered within 20 s")

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(20)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def test_a_client_ends_as_its_command_does(tmp_path: Path) -> None:
    code, said = serve(tmp_path, Launcher(played, {}), "fails")
    assert (code, said) == (2, "no good\nended with 3\n")


def test_what_a_command_says_of_its_errors_needs_no_disk(tmp_path: Path) -> None:
    code, said = serve(tmp_path, Launcher(played, {}), "long")
    assert (code, said) == (2, "x" * 200_000 + "no good\nended with 3\n")
    assert all(path.is_fifo() for path in (tmp_path / "server").glob("*.err"))


@pytest.mark.parametrize("error", [errno.EMFILE, errno.ENOSPC, errno.EAGAIN])
def test_a_command_that_cannot_be_started_is_nobody_s_fault(tmp_path: Path, error: int) -> None:
    code, said = serve(tmp_path, Starved(error), "fails")
    assert code is None
    assert "ended with 126\n" in said
    assert said.endswith(f"qmk: a call was not begun: {os.strerror(error)}\n")


def test_a_command_that_a_signal_ended_is_nobody_s_fault(tmp_path: Path) -> None:
    code, said = serve(tmp_path, Launcher(played, {}), "killed")
    assert code is None
    assert said == "ended with 137\nqmk: a call broke off: Killed\n"


def test_a_client_that_cannot_ask_is_nobody_s_fault(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/mkfifo").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "bin/mkfifo").chmod(0o755)
    code, said = serve(tmp_path, Launcher(played, {}), "fails")
    assert code is None
    assert "ended with 126\n" in said
