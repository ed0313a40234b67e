"""One child in a process group of its own, within bounds, and nobody left behind."""

import contextlib
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qmk_runner import kernel
from qmk_runner.descendants import Descendants
from qmk_runner.watch import Watch

_WATCH_SECONDS = 0.1
_END_SECONDS = 10.0
_NICEST = 19
_CHUNK_BYTES = 1 << 16
_PR_SET_DUMPABLE = 4  # linux/prctl.h, as the next
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Bounds:
    """How much a child and its descendants may take.

    A build of QMK's writes some 100 kB of output, and runs a handful of processes for each job of
    make. A pod may have 512 where its node bounds them, so that a build meets this bound before.
    ``grace_seconds`` lie between SIGTERM and SIGKILL when its time is up.
    """

    output_bytes: int = 64 << 20
    processes: int = 256
    watches: Sequence[Watch] = ()
    grace_seconds: float = 2.0


@dataclass(frozen=True)
class Ended:
    """How the child ended: its status as subprocess has it, and whether its time was up.

    ``excess`` says what it took too much of, if that was its end.
    """

    returncode: int
    timed_out: bool
    excess: str | None = None


def hide_from_children() -> None:
    """Keep processes of the same user out of this one's memory and environment (the work order).

    See prctl(2), PR_SET_DUMPABLE: its /proc entries then belong to root, and nobody may trace it.
    """
    kernel.prctl(_PR_SET_DUMPABLE, 0)


def adopt_orphans() -> None:
    """Become the parent of every descendant that loses its own, as PID 1 of a container is."""
    kernel.prctl(_PR_SET_CHILD_SUBREAPER, 1)


def run(
    command: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    output: Callable[[bytes], None],
    timeout_seconds: float,
    bounds: Bounds = Bounds(),
) -> Ended:
    """Run a program to its end, or to ours, and give ``output`` what it writes.

    Whatever happens, its process group and all that descends from it are killed before this
    returns: at the deadline with a SIGTERM first, else at once.

    Raises:
        OSError: the program cannot be started.
    """
    descendants = Descendants()
    deadline = time.monotonic() + timeout_seconds
    timed_out = False
    excess = None
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
    # Where a build starts thousands, who watches it must get its turn before them. Other
    # containers' turns are not concerned: this counts within a control group.
    with contextlib.suppress(ProcessLookupError):
        os.setpriority(os.PRIO_PROCESS, child.pid, _NICEST)
    watches = (_ProcessWatch(descendants, bounds.processes), *bounds.watches)
    pump = _Pump(child.pid, pipe, output, bounds.output_bytes, watches)
    try:
        if not pump.until_end(deadline):
            timed_out = True
            _signal_group(child.pid, signal.SIGTERM)
            pump.until_end(time.monotonic() + bounds.grace_seconds)
    except _ExcessError as error:
        excess = str(error)
    finally:
        # In a sandbox nobody can leave the group, and the kernel ends a group in one step.
        _signal_group(child.pid, signal.SIGKILL)
        child.wait()
        descendants.end(time.monotonic() + _END_SECONDS)
        pump.drain()
    return Ended(child.returncode, timed_out, excess)


class _ExcessError(Exception):
    """The child took too much of something."""


@dataclass(frozen=True)
class _ProcessWatch:
    descendants: Descendants
    limit: int

    def excess(self) -> str | None:
        if self.descendants.more_than(self.limit):
            return f"The build started more than {self.limit} processes."
        return None


class _Pump:
    """Passes the child's output on, and notices its end even if somebody else holds the pipe.

    Without a thread: a signal to one would be to this process, under a number that no filter knows.
    """

    def __init__(
        self,
        child: int,
        pipe: int,
        output: Callable[[bytes], None],
        bytes_max: int,
        watches: Sequence[Watch],
    ) -> None:
        self._child = child
        self._pipe = pipe
        self._output = output
        self._bytes_max = bytes_max
        self._bytes = 0
        self._watches = watches
        self._next_look = time.monotonic() + _WATCH_SECONDS
        self._selector = selectors.DefaultSelector()
        os.set_blocking(pipe, False)
        self._selector.register(pipe, selectors.EVENT_READ)
        self._end = _end_of(child)
        if self._end is not None:
            self._selector.register(self._end, selectors.EVENT_READ)

    def until_end(self, deadline: float) -> bool:
        """Whether the child ended before the deadline (monotonic clock).

        Raises:
            _ExcessError: it took too much of something.
        """
        while (left := deadline - time.monotonic()) > 0:
            ready = {key.fd for key, _ in self._selector.select(min(left, _WATCH_SECONDS))}
            if self._pipe in ready and not self._pass_on():
                self._selector.unregister(self._pipe)
            if _has_ended(self._child):
                return True
            self._look()
        return False

    def _look(self) -> None:
        if self._bytes > self._bytes_max:
            raise _ExcessError(f"The build wrote more than {self._bytes_max} bytes of output.")
        if time.monotonic() < self._next_look:
            return
        for watch in self._watches:
            if (sentence := watch.excess()) is not None:
                raise _ExcessError(sentence)
        self._next_look = time.monotonic() + _WATCH_SECONDS

    def drain(self) -> None:
        """Pass on what is still in the pipe; nobody writes any more."""
        while self._pass_on():
            pass
        self._selector.close()
        os.close(self._pipe)
        if self._end is not None:
            os.close(self._end)

    def _pass_on(self) -> bool:
        try:
            chunk = os.read(self._pipe, _CHUNK_BYTES)
        except BlockingIOError:
            return False
        if chunk:
            self._bytes += len(chunk)
            self._output(chunk)
        return bool(chunk)


def _end_of(pid: int) -> int | None:
    """A descriptor that becomes readable when a process ends.

    None on kernels before 5.3, and where a sandboxed runtime has no such call: the end is found
    at the next look.
    """
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None


def _has_ended(pid: int) -> bool:
    # Not reaped here: as long as it is a zombie, its group's number is nobody else's.
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
    except ChildProcessError:
        return True


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return  # only zombies are left in it
