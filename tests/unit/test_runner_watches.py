"""Bounds of a build's processes, disk, output and memory, and nobody left behind."""

import errno
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmk_runner import process_group, scratch_watch
from qmk_runner.descendants import Descendants
from qmk_runner.memory_watch import MemoryWatch
from qmk_runner.process_group import Bounds, Ended
from qmk_runner.scratch_watch import ScratchWatch

BOUNDS = Bounds()


class Subreaper:
    """Runs programs in a process of its own, which adopts what they leave behind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = bytearray()

    def run(self, script: str, bounds: Bounds = BOUNDS) -> Ended:
        return process_group.run(
            [sys.executable, "-c", script],
            folder=self.folder,
            environment={"PATH": "/usr/bin:/bin"},
            output=self.output.extend,
            timeout_seconds=20,
            bounds=bounds,
        )


@pytest.fixture
def subreaper(tmp_path: Path) -> Iterator[Subreaper]:
    process_group.adopt_orphans()
    yield Subreaper(tmp_path)
    assert Descendants().find() == set()


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_build_within_its_bounds_ends_by_itself(subreaper: Subreaper, tmp_path: Path) -> None:
    watches = (ScratchWatch(tmp_path), MemoryWatch(tmp_path))
    assert subreaper.run("print('made')", Bounds(watches=watches)) == Ended(0, False)
    assert bytes(subreaper.output) == b"made\n"


def test_no_thread_of_the_runners_can_be_sent_a_signal(subreaper: Subreaper) -> None:
    class Threads:
        def __init__(self) -> None:
            self.counts: set[int] = set()

        def excess(self) -> str | None:
            self.counts.add(len([*Path("/proc/self/task").iterdir()]))
            return None

    threads, before = Threads(), len([*Path("/proc/self/task").iterdir()])
    subreaper.run("import time; time.sleep(0.3)", Bounds(watches=[threads]))
    assert threads.counts == {before}


def test_an_end_is_found_where_the_kernel_has_no_word_for_it(
    subreaper: Subreaper, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_pid: int, _flags: int = 0) -> int:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(os, "pidfd_open", refuse)
    begun = time.monotonic()
    left = "import os, time\nif os.fork() == 0: time.sleep(60)\nos.write(1, b'made')"
    assert subreaper.run(left) == Ended(0, False)
    assert bytes(subreaper.output) == b"made"
    assert time.monotonic() - begun < 10


def test_too_many_processes_end_the_build(subreaper: Subreaper) -> None:
    script = (
        "import os, time\n"
        "for i in range(60):\n"
        "    if os.fork() == 0:\n"
        "        os.setsid()\n"
        "        print(os.getpid(), flush=True)\n"
        "        time.sleep(60)\n"
        "time.sleep(60)\n"
    )
    begun = time.monotonic()
    ended = subreaper.run(script, Bounds(processes=40))
    assert ended.excess == "The build started more than 40 processes."
    assert time.monotonic() - begun < 10
    left = [int(pid) for pid in bytes(subreaper.output).split()]
    assert all(gone(pid) for pid in left)


def test_families_that_hide_behind_a_subreaper_are_ended(subreaper: Subreaper) -> None:
    script = (
        "import ctypes, os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)\n"
        "    for i in range(3):\n"
        "        if os.fork() == 0:\n"
        "            os.setsid()\n"
        "            if os.fork() == 0:\n"
        "                print(os.getpid(), flush=True)\n"
        "                time.sleep(60)\n"
        "            os._exit(0)\n"
        "    time.sleep(60)\n"
        "time.sleep(0.5)\n"
    )
    assert subreaper.run(script).returncode == 0
    left = [int(pid) for pid in bytes(subreaper.output).split()]
    assert len(left) == 3
    assert all(gone(pid) for pid in left)


def test_endless_output_ends_the_build(subreaper: Subreaper) -> None:
    ended = subreaper.run("while True: print('x' * 65536)", Bounds(output_bytes=4 << 20))
    assert ended.excess == "The build wrote more than 4194304 bytes of output."
    assert len(subreaper.output) < 8 << 20


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        (
            "open('x', 'wb').write(b'x' * (12 << 20))",
            "The build wrote more than 8388608 bytes to disk.",
        ),
        (
            "f = open('x', 'wb'); os.unlink('x'); f.write(b'x' * (12 << 20)); f.flush()",
            "The build wrote more than 8388608 bytes to disk.",
        ),
        ("[open(f'f{i}', 'wb') for i in range(600)]", "The build made more than 500 files."),
        (
            "[(os.mkdir('d' * 200), os.chdir('d' * 200)) for _ in range(600)]",
            "The build made a folder that cannot be looked into: File name too long.",
        ),
    ],
    ids=["bytes", "bytes-without-a-name", "files", "folders-too-deep"],
)
def test_too_much_on_disk_ends_the_build(
    subreaper: Subreaper, tmp_path: Path, script: str, sentence: str
) -> None:
    (tmp_path / "before").write_bytes(b"x" * 1000)
    watch = ScratchWatch(tmp_path, bytes_max=8 << 20, files_max=500)
    ended = subreaper.run(f"import os, time\n{script}\ntime.sleep(60)", Bounds(watches=[watch]))
    assert (ended.excess, ended.timed_out) == (sentence, False)


def test_what_others_remove_from_the_disk_hides_nothing_for_long(
    subreaper: Subreaper, tmp_path: Path
) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    mine.mkdir()
    other.write_bytes(b"x" * (40 << 20))
    watch = ScratchWatch(mine, bytes_max=8 << 20)
    other.unlink()
    script = "import time; open('mine/x', 'wb').write(b'x' * (12 << 20)); time.sleep(60)"
    ended = subreaper.run(script, Bounds(watches=[watch]))
    assert (ended.excess, ended.timed_out) == (
        "The build wrote more than 8388608 bytes to disk.",
        False,
    )


def test_what_others_write_to_the_disk_is_not_the_build(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    watch = ScratchWatch(mine, bytes_max=4 << 20, files_max=100)
    (tmp_path / "other").write_bytes(b"x" * (12 << 20))
    assert watch.excess() is None


def test_a_process_that_ends_while_it_is_looked_at_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scandir = os.scandir

    def gone(path: str) -> Iterator[os.DirEntry[str]]:
        if path.startswith("/proc/"):
            raise ProcessLookupError(3, "No such process")
        return scandir(path)

    watch = ScratchWatch(tmp_path)
    monkeypatch.setattr(os, "scandir", gone)
    assert watch.excess() is None


@pytest.mark.parametrize(
    ("blocks", "files", "free_files", "full"),
    [
        (1 << 20, 1000, 1000, False),
        (10, 1000, 1000, True),
        (1 << 20, 1000, 3, True),
        (1 << 20, 0, 0, False),
    ],
)
def test_a_disk_without_room_for_bytes_or_files_is_full(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    blocks: int,
    files: int,
    free_files: int,
    full: bool,
) -> None:
    found = os.statvfs_result((4096, 4096, 1 << 21, blocks, blocks, files, 0, free_files, 0, 255))
    monkeypatch.setattr(os, "statvfs", lambda _: found)
    assert scratch_watch.is_full(tmp_path) is full


@pytest.mark.parametrize(
    ("volume_bytes", "bound"),
    [(None, 1 << 30), (100_000, 90_000), (640 << 20, 576 << 20), (8 << 30, 1 << 30)],
)
def test_a_build_is_ended_before_its_volume_is(volume_bytes: int | None, bound: int) -> None:
    assert scratch_watch.bound(volume_bytes) == bound


def test_a_volume_is_a_builds_alone_if_its_file_system_is_no_larger(tmp_path: Path) -> None:
    found = os.statvfs(tmp_path)
    size = found.f_blocks * found.f_frsize
    alone = {volume: scratch_watch.is_alone(tmp_path, volume) for volume in (None, size - 1, size)}
    assert alone == {None: False, size - 1: False, size: True}


def test_one_file_with_many_names_counts_once(tmp_path: Path) -> None:
    watch = ScratchWatch(tmp_path, bytes_max=8 << 20)
    (tmp_path / "one").write_bytes(b"x" * (7 << 20))
    for number in range(20):
        (tmp_path / f"name{number}").hardlink_to(tmp_path / "one")
    (tmp_path / "two").write_bytes(os.urandom(1 << 19))
    assert watch.excess() is None


def test_a_kill_for_memory_ends_the_build(subreaper: Subreaper, tmp_path: Path) -> None:
    events = tmp_path / "memory.events"
    events.write_text("oom 3\noom_kill 3\n")
    watch = MemoryWatch(tmp_path)
    assert watch.excess() is None
    script = (
        f"open({str(events)!r}, 'w').write('oom 4\\noom_kill 4\\n')\nimport time; time.sleep(60)"
    )
    ended = subreaper.run(script, Bounds(watches=[watch]))
    assert (ended.excess, watch.kills) == ("The build needed more memory than it may have.", 1)
