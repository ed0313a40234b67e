"""One child in a process group of its own, with a deadline, and nobody left behind."""

import contextlib
import ctypes
import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

GRACE_SECONDS = 2.0
_ORPHAN_SECONDS = 5.0
_CHUNK_BYTES = 1 << 16
_PR_SET_DUMPABLE = 4  # linux/prctl.h, as the next
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Ended:
    """How the child ended: its status as subprocess has it, and whether its time was up."""

    returncode: int
    timed_out: bool


def hide_from_children() -> None:
    """Keep processes of the same user out of this one's memory and environment (the work order).

    See prctl(2), PR_SET_DUMPABLE: its /proc entries then belong to root, and nobody may trace it.
    """
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of every descendant that loses its own, as PID 1 of a container is."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def run(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    output: Callable[[bytes], None],
    timeout_seconds: float,
    grace_seconds: float = GRACE_SECONDS,
) -> Ended:
    """Run a program to its end, or to ours, and give ``output`` what it writes.

    Whatever happens, its process group and the orphans it left are killed before this returns:
    at the deadline with a SIGTERM first, else at once.

    Raises:
        OSError: the program cannot be started.
    """
    strangers = _children()
    deadline = time.monotonic() + timeout_seconds
    timed_out = False
    pipe, write_end = os.pipe2(os.O_CLOEXEC)
    try:
        child = subprocess.Popen(  # noqa: S603
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=write_end,
            stderr=write_end,
            start_new_session=True,
        )
    finally:
        os.close(write_end)
    pump = _Pump(child.pid, pipe, output)
    try:
        if not pump.until_end(deadline):
            timed_out = True
            _signal_group(child.pid, signal.SIGTERM)
            pump.until_end(time.monotonic() + grace_seconds)
    finally:
        _signal_group(child.pid, signal.SIGKILL)
        # Only when it is dead have its own children become ours.
        child.wait()
        _end_orphans(strangers)
    pump.drain()
    return Ended(child.returncode, timed_out)


class _Pump:
    """Passes the child's output on, and notices its end even if somebody else holds the pipe."""

    def __init__(self, child: int, pipe: int, output: Callable[[bytes], None]) -> None:
        self._pipe = pipe
        self._output = output
        self._selector = selectors.DefaultSelector()
        self._ended, end = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(pipe, False)
        self._selector.register(pipe, selectors.EVENT_READ)
        self._selector.register(self._ended, selectors.EVENT_READ)
        threading.Thread(target=_announce_end, args=(child, end), daemon=True).start()

    def until_end(self, deadline: float) -> bool:
        """Whether the child ended before the deadline (monotonic clock)."""
        while (left := deadline - time.monotonic()) > 0:
            for key, _ in self._selector.select(left):
                if key.fd == self._ended:
                    return True
                if not self._pass_on():
                    self._selector.unregister(self._pipe)
        return False

    def drain(self) -> None:
        """Pass on what is still in the pipe; nobody writes any more."""
        while self._pass_on():
            pass
        self._selector.close()
        os.close(self._pipe)
        os.close(self._ended)

    def _pass_on(self) -> bool:
        try:
            chunk = os.read(self._pipe, _CHUNK_BYTES)
        except BlockingIOError:
            return False
        if chunk:
            self._output(chunk)
        return bool(chunk)


def _announce_end(pid: int, end: int) -> None:
    # Not reaped here: as long as it is a zombie, its group's number is nobody else's.
    with contextlib.suppress(ChildProcessError):
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    os.close(end)


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return  # only zombies are left in it


def _end_orphans(strangers: set[int]) -> None:
    """Kill children that nobody here started: descendants of the child that were adopted."""
    deadline = time.monotonic() + _ORPHAN_SECONDS
    while (orphans := _children() - strangers) and time.monotonic() < deadline:
        for pid in orphans:
            os.kill(pid, signal.SIGKILL)
        for pid in orphans:
            os.waitpid(pid, 0)


def _children() -> set[int]:
    numbers = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
    return {pid for pid in numbers if _is_child(pid)}


def _is_child(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return False
    # "pid (name) state ppid …", and a name may hold blanks and parentheses.
    return int(stat.rpartition(b")")[2].split()[1]) == os.getpid()
