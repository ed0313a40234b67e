"""A long-running program whose output goes to a log file while it is followed."""

import os
import shlex
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from qmk_local.commands import CommandFailed
from qmk_local.settings import process_environment


def run_logged(
    argv: Sequence[str | Path],
    log: Path,
    timeout_s: float,
    follow: Callable[[str], None] = lambda line: None,
    changes: Mapping[str, str] | None = None,
) -> None:
    """Run to the end, appending both outputs to the log; `follow` gets each line.

    `changes` are made to this process's environment. The program's whole process group is ended
    at the time-out, and when the caller is interrupted. Raises `CommandFailed` with the last line.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    program = str(argv[0])
    environment = process_environment(changes or {})
    if shutil.which(program, path=environment["PATH"]) is None:
        raise CommandFailed(f"{program} could not be started: there is no such program.")
    words = [*_until_we_end(environment["PATH"]), *(str(word) for word in argv)]
    last = ""
    with log.open("a", encoding="utf-8") as output:
        output.write(f"$ {shlex.join(words)}\n")
        output.flush()
        process = subprocess.Popen(  # noqa: S603 - argv lists of our own, never a shell
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment,
            start_new_session=True,
        )
        expired = threading.Event()

        def expire() -> None:
            expired.set()
            _end(process)

        watch = threading.Timer(timeout_s, expire)
        watch.daemon = True
        watch.start()
        with process:  # closes the pipe
            try:
                for line in process.stdout or ():
                    output.write(line)
                    output.flush()
                    if line.strip():
                        last = line.strip()
                        follow(last)
                code = process.wait()
            finally:
                watch.cancel()
                _end(process)
    if expired.is_set():
        raise CommandFailed(f"{program} did not end within {timeout_s:.0f} s (log: {log}).")
    if code != 0:
        raise CommandFailed(f"{program} failed with exit code {code}: {last} (log: {log}).")


def _until_we_end(search_path: str) -> list[str]:
    """A prefix that ends the program with this process, even if that is killed (Linux)."""
    setpriv = shutil.which("setpriv", path=search_path)
    return [] if setpriv is None else [setpriv, "--pdeathsig", "KILL"]


def _end(process: "subprocess.Popen[str]") -> None:
    if process.poll() is not None:
        return
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()
