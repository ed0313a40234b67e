"""Programs in the background: started, recognised again, and ended.

A process id alone names nobody: the kernel gives it to the next program. So a record also keeps
the start time that the kernel notes for the process, and the boot that it belongs to.
"""

import json
import os
import select
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from qmk_local.errors import LocalError
from qmk_local.settings import process_environment

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
START_TIME_FIELD = 19  # of the fields after the command name: proc(5), field 22
JOIN_AND_RUN = 'for procs in $1; do echo 0 > "$procs"; done; shift; cd /; exec "$@"'


@dataclass(frozen=True)
class ProcessIdentity:
    """One process of one boot; no other process ever equals it."""

    pid: int
    start_ticks: int
    boot_id: str


def parse_start_ticks(stat: str) -> tuple[str, int]:
    """Return state and start time from the text of `/proc/<pid>/stat`.

    The command name may itself hold spaces and parentheses: fields count from the last one.
    """
    fields = stat.rpartition(")")[2].split()
    return fields[0], int(fields[START_TIME_FIELD])


def boot_id() -> str:
    """The kernel's name for the time since the machine was started."""
    return BOOT_ID.read_text().strip()


def identify(pid: int) -> ProcessIdentity | None:
    """The identity of a process that is alive now, or None (a zombie is not alive)."""
    try:
        state, start_ticks = parse_start_ticks(Path(f"/proc/{pid}/stat").read_text())
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if state in "ZX" else ProcessIdentity(pid, start_ticks, boot_id())


def is_alive(identity: ProcessIdentity) -> bool:
    """Whether exactly this process still runs."""
    return identify(identity.pid) == identity


def save(identity: ProcessIdentity, record: Path) -> None:
    """Write the record so that a reader never sees half of it."""
    record.parent.mkdir(parents=True, exist_ok=True)
    draft = record.with_suffix(".new")
    draft.write_text(json.dumps(asdict(identity)))
    draft.replace(record)


def load(record: Path) -> ProcessIdentity | None:
    """Read a record; None where there is none or it is damaged."""
    try:
        values = json.loads(record.read_text())
        return ProcessIdentity(
            int(values["pid"]), int(values["start_ticks"]), str(values["boot_id"])
        )
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def start(
    argv: Sequence[str | Path],
    *,
    log: Path,
    record: Path,
    cgroup_procs: Sequence[Path] = (),
) -> ProcessIdentity:
    """Start a program in a session of its own, its output appended to `log`.

    It joins the control groups before its first instruction, so that whatever becomes of the
    caller, what it started can be found. Raises `LocalError` if it ends at once.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    joined = " ".join(str(path) for path in cgroup_procs)
    words = ["/bin/sh", "-c", JOIN_AND_RUN, "sh", joined, *(str(word) for word in argv)]
    appending = os.O_WRONLY | os.O_CREAT | os.O_APPEND
    pid = os.posix_spawn(
        words[0],
        words,
        process_environment({}),
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, str(log), appending, 0o644),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
        setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],  # Python itself ignores them
    )
    identity = identify(pid)
    if identity is None:
        raise LocalError(f"{argv[0]} ended as soon as it was started: read {log}.")
    save(identity, record)
    return identity


def end(identities: Sequence[ProcessIdentity], *, grace_s: float) -> None:
    """Ask the processes to end, kill those that have not after `grace_s`, and wait for all.

    Raises `LocalError` naming the ones that even a kill does not end.
    """
    handles = {}
    for identity in identities:
        handle = _open(identity)
        if handle is not None:
            handles[handle] = identity.pid
    try:
        if grace_s > 0:
            _signal(handles, signal.SIGTERM)
            _await_exit(handles, grace_s)
        _signal(handles, signal.SIGKILL)
        _await_exit(handles, 10.0)
        if handles:
            pids = ", ".join(str(pid) for pid in handles.values())
            raise LocalError(f"Processes {pids} do not end even when killed: reboot this machine.")
    finally:
        for handle in handles:
            os.close(handle)


def _open(identity: ProcessIdentity) -> int | None:
    """A handle that stays with the process, checked to be the right one after opening."""
    try:
        handle = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return None
    if is_alive(identity):
        return handle
    os.close(handle)
    return None


def _signal(handles: Mapping[int, int], number: signal.Signals) -> None:
    for handle in handles:
        try:
            signal.pidfd_send_signal(handle, number)
        except ProcessLookupError:
            continue


def _await_exit(handles: dict[int, int], seconds: float) -> None:
    """Drop the handles of processes that end within the time."""
    deadline = time.monotonic() + seconds
    while handles:
        left = deadline - time.monotonic()
        ended, _, _ = select.select(list(handles), [], [], max(left, 0))
        for handle in ended:
            _reap(handles.pop(handle))
            os.close(handle)
        if left <= 0:
            return


def _reap(pid: int) -> None:
    """Collect the process if it is a child of this one."""
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return
