"""Whether the kernel killed a process of this container for its memory use."""

from pathlib import Path

#: Files with a line "oom_kill N", in control groups of version 2 and of version 1.
#: https://docs.kernel.org/admin-guide/cgroup-v2.html#memory-interface-files
#: https://docs.kernel.org/admin-guide/cgroup-v1/memory.html#oom-control
_FILES = ("memory.events", "memory/memory.oom_control")


class MemoryWatch:
    """Notices when it happens; ``kills`` counts since the watch began."""

    def __init__(self, cgroup: Path) -> None:
        self._cgroup = cgroup
        self._before = kills(cgroup)

    @property
    def kills(self) -> int:
        return kills(self._cgroup) - self._before

    def excess(self) -> str | None:
        return "The build needed more memory than it may have." if self.kills > 0 else None


def kills(cgroup: Path) -> int:
    """How many processes the kernel killed so far; 0 where it does not tell."""
    for name in _FILES:
        try:
            text = (cgroup / name).read_text()
        except OSError:
            continue
        for line in text.splitlines():
            key, _, value = line.partition(" ")
            if key == "oom_kill" and value.isdigit():
                return int(value)
    return 0
