"""A program run to its end, with everything that it starts: bounded in time and in what it says."""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from qmk_tasks.errors import TaskError

_CHUNK_BYTES = 1 << 16
_ERRORS_BYTES = 1 << 16
#: How often it is looked whether the program has ended though its pipes are open.
_LOOK_SECONDS = 0.05
#: For what is left in the pipes when it has.
_DRAIN_SECONDS = 2.0


@dataclass(frozen=True)
class Ended:
    """How a program ended; of ``output`` and ``errors`` the last bytes."""

    returncode: int
    output: bytes
    errors: bytes


def run(
    argv: Sequence[str],
    environment: Mapping[str, str],
    *,
    seconds: float,
    output_bytes: int,
    folder: Path | None = None,
) -> Ended:
    """Run a program in a process group of its own, which is gone afterwards.

    Raises:
        TaskError: it could not be started, or took longer than ``seconds``.
    """
    name = argv[0]
    try:
        process = subprocess.Popen(  # noqa: S603 - argv lists of our own, never a shell
            argv,
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise TaskError(f"{name} could not be run: {error}") from error
    output, errors = _Tail(process.stdout, output_bytes), _Tail(process.stderr, _ERRORS_BYTES)
    with process, selectors.DefaultSelector() as pipes:
        for tail in (output, errors):
            pipes.register(tail.stream, selectors.EVENT_READ, tail)
        try:
            _follow(process, pipes, time.monotonic() + seconds)
        except subprocess.TimeoutExpired as error:
            raise TaskError(f"{name} took longer than {seconds:.0f} s") from error
        finally:
            # What it left running would hold the pipes open.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        # Whoever left the group holds them still, and is not waited for.
        deadline = time.monotonic() + _DRAIN_SECONDS
        while pipes.get_map() and time.monotonic() < deadline:
            _read(pipes)
    return Ended(process.returncode, bytes(output.kept), bytes(errors.kept))


class _Tail:
    """The last bytes that come out of a pipe."""

    def __init__(self, stream: IO[bytes] | None, bytes_max: int) -> None:
        if stream is None:
            raise ValueError("no pipe")
        self.stream = stream
        self.kept = bytearray()
        self._bytes_max = bytes_max

    def read(self) -> bool:
        """Take what has come; False at its end."""
        chunk = os.read(self.stream.fileno(), _CHUNK_BYTES)
        self.kept += chunk
        del self.kept[: -self._bytes_max]
        return bool(chunk)


def _follow(
    process: "subprocess.Popen[bytes]", pipes: selectors.BaseSelector, deadline: float
) -> None:
    while pipes.get_map() and process.poll() is None:
        if time.monotonic() > deadline:
            raise subprocess.TimeoutExpired(process.args, 0)
        _read(pipes)
    process.wait(max(deadline - time.monotonic(), 0))


def _read(pipes: selectors.BaseSelector) -> None:
    for key, _ in pipes.select(_LOOK_SECONDS):
        if not key.data.read():
            pipes.unregister(key.fileobj)
