"""The processes that descend from this one: how many they are, and their end."""

import contextlib
import os
import signal
import time
from pathlib import Path

_PROC = Path("/proc")


class Descendants:
    """All of them but those that were there before.

    Complete only where this process adopts orphans: as PID 1, or as a subreaper.
    """

    def __init__(self) -> None:
        parents = _parents()
        self._strangers = _below(os.getpid(), parents)
        self._others = len(parents)

    def more_than(self, limit: int) -> bool:
        """Whether there are more; in nearly all cases one look at a folder's names tells."""
        return len(_numbers()) - self._others > limit and len(self.find()) > limit

    def find(self) -> set[int]:
        """Their numbers; among them those that ended and that nobody waited for."""
        return _below(os.getpid(), _parents(), self._strangers)

    def end(self, deadline: float) -> None:
        """End all of them, and wait for those that are ours to wait for.

        They are stopped first and killed when no new one is found: one that is stopped can't
        start another, and keeps its place where the number of processes is limited.
        ``deadline`` is in monotonic time; whoever is left then is left.
        """
        stopped: set[int] = set()
        while (found := self.find() - stopped) and time.monotonic() < deadline:
            _signal(found, signal.SIGSTOP)
            stopped |= found
        while (left := self.find()) and time.monotonic() < deadline:
            _signal(left, signal.SIGKILL)
            for pid in left:
                # Those whose parent is another become ours as soon as that one is gone.
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, 0)


def _signal(processes: set[int], number: signal.Signals) -> None:
    for pid in processes:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def _below(
    root: int, parents: dict[int, int], but: frozenset[int] | set[int] = frozenset()
) -> set[int]:
    children: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    found: set[int] = set()
    following = [root]
    while following:
        new = [pid for pid in children.get(following.pop(), ()) if pid not in but]
        found.update(new)
        following += new
    return found


def _numbers() -> list[int]:
    return [int(path.name) for path in _PROC.iterdir() if path.name.isdigit()]


def _parents() -> dict[int, int]:
    found = {}
    for pid in _numbers():
        try:
            stat = (_PROC / str(pid) / "stat").read_bytes()
        except OSError:
            continue
        # "pid (name) state ppid …", and a name may hold blanks and parentheses.
        found[pid] = int(stat.rpartition(b")")[2].split()[1])
    return found
