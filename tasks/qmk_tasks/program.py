"""A program run to its end, with everything that it starts: bounded in time and in what it says."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from qmk_tasks.errors import TaskError

_CHUNK_BYTES = 1 << 16
_ERRORS_BYTES = 1 << 16


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
    with process, ThreadPoolExecutor(2) as pool:
        output = pool.submit(_read, process.stdout, output_bytes)
        errors = pool.submit(_read, process.stderr, _ERRORS_BYTES)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired as error:
            raise TaskError(f"{name} took longer than {seconds:.0f} s") from error
        finally:
            # What it left running would hold the pipes open.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    return Ended(process.returncode, output.result(), errors.result())


def _read(stream: IO[bytes] | None, bytes_max: int) -> bytes:
    kept = bytearray()
    while stream is not None and (chunk := os.read(stream.fileno(), _CHUNK_BYTES)):
        kept += chunk
        if len(kept) > bytes_max:
            del kept[:-bytes_max]
    return bytes(kept)
