"""The sandbox: its filter's program, run by hand, and the layers themselves in a child."""

import fcntl
import json
import os
import subprocess
import sys
import tempfile
import termios
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qmk_contract.codec import to_body
from qmk_contract.exit_codes import ExitCode
from qmk_contract.work_order import SandboxMode
from qmk_runner import kernel, sandbox, sandbox_landlock, sandbox_seccomp
from qmk_runner.sandbox_calls import MACHINES, Machine
from qmk_runner.sandbox_landlock import Right
from qmk_runner.workbench import __main__ as workbench
from qmk_runner.workbench_order import Attempt, WorkbenchOrder
from tests.build_pod import PACKAGES, ROOT

X86, ARM = MACHINES["x86_64"], MACHINES["aarch64"]
ALLOW, EPERM, ENOSYS, DONE, KILL = 0x7FFF0000, 0x50001, 0x50026, 0x50000, 0x80000000
PROTECTED = 4711


def verdict(
    machine: Machine,
    number: int,
    argument: int = 0,
    architecture: int | None = None,
    *,
    second: int = 0,
    truncate: bool = True,
) -> int:
    """What the filter answers to a call: classic BPF, as far as the filter uses it."""
    data = {0: number, 4: architecture or machine.architecture, 16: argument & 0xFFFFFFFF}
    data[24] = second & 0xFFFFFFFF
    program = sandbox_seccomp.instructions(machine, (PROTECTED, -PROTECTED), truncate=truncate)
    accumulator = at = 0
    while True:
        code, if_true, if_false, value = program[at]
        at += 1
        if code == 0x06:
            return value
        if code == 0x20:
            accumulator = data[value]
            continue
        tests = {
            0x15: accumulator == value,
            0x35: accumulator >= value,
            0x45: bool(accumulator & value),
        }
        at += if_true if tests[code] else if_false


@pytest.mark.parametrize("machine", [X86, ARM], ids=["x86_64", "aarch64"])
def test_the_filter_on_every_machine(machine: Machine) -> None:
    assert {verdict(machine, number) for number in machine.refused} == {EPERM}
    assert {verdict(machine, number) for number in machine.ignored} == {DONE}
    for number in machine.signals:
        assert verdict(machine, number, 1234) == ALLOW
        assert verdict(machine, number, 0) == ALLOW
        for receiver in (-1, PROTECTED, -PROTECTED):
            assert verdict(machine, number, receiver) == EPERM
    assert verdict(machine, machine.prlimit, 0) == ALLOW
    assert verdict(machine, machine.prlimit, 1) == EPERM
    assert verdict(machine, machine.seccomp) == ALLOW


@pytest.mark.parametrize("machine", [X86, ARM], ids=["x86_64", "aarch64"])
def test_no_file_gets_an_owner_that_a_signal_would_be_sent_to(machine: Machine) -> None:
    refused = {fcntl.F_SETOWN, fcntl.F_SETSIG, 15}
    commands = (*range(40), *range(1024, 1042))
    answers = {command: verdict(machine, machine.fcntl, 3, second=command) for command in commands}
    assert {command for command, answer in answers.items() if answer == EPERM} == refused
    assert set(answers.values()) == {ALLOW, EPERM}
    for command in (0x8901, 0x8902, 1 << 32 | 0x8901):
        assert verdict(machine, machine.ioctl, 3, second=command) == EPERM
    assert verdict(machine, machine.ioctl, 3, second=termios.FIONREAD) == ALLOW


@pytest.mark.parametrize("machine", [X86, ARM], ids=["x86_64", "aarch64"])
def test_new_processes_stay_in_their_namespaces(machine: Machine) -> None:
    sigchld, thread, vfork = 17, 0x3D0F00, 0x4111
    for flags in (sigchld, thread, vfork):
        assert verdict(machine, machine.clone, flags) == ALLOW
    for bit in (15, 17, 25, 26, 27, 28, 29, 30):
        assert verdict(machine, machine.clone, sigchld | 1 << bit) == EPERM


@pytest.mark.parametrize("machine", [X86, ARM], ids=["x86_64", "aarch64"])
def test_the_filter_answers_newer_calls_like_an_older_kernel(machine: Machine) -> None:
    newer = {number: verdict(machine, number) for number in range(424, 600)}
    allowed = {number for number, answer in newer.items() if answer == ALLOW}
    assert allowed == {436, 437, 439}
    assert set(newer.values()) == {ALLOW, ENOSYS}


@pytest.mark.parametrize(("machine", "number"), [(X86, 76), (ARM, 45)], ids=["x86_64", "aarch64"])
def test_the_filter_keeps_files_whole_where_landlock_does_not(
    machine: Machine, number: int
) -> None:
    assert verdict(machine, number) == ALLOW
    assert verdict(machine, number, truncate=False) == EPERM


@pytest.mark.parametrize(("abi", "answer"), [(2, "Operation not permitted"), (3, "done")])
def test_a_file_of_others_is_not_cut_on_an_older_kernel(
    folders: tuple[Path, Path], abi: int, answer: str
) -> None:
    script = """
        (folder / "made").write_text("made")
        print(json.dumps([layers[0], answer(os.truncate, folder / "made", 0)]))
    """
    mine, _ = folders
    before = f"from qmk_runner import sandbox_landlock; sandbox_landlock.abi = lambda: {abi}"
    assert in_sandbox(mine, script, before) == [f"landlock-{abi}", answer]


def test_the_filter_knows_no_call_of_another_table() -> None:
    write, socket = 1, 41
    x32 = 1 << 30
    assert verdict(X86, x32 | write) == verdict(X86, x32 | socket) == ENOSYS
    i386 = 0x40000003
    assert verdict(X86, write, architecture=i386) == KILL
    assert verdict(ARM, write, architecture=X86.architecture) == KILL


def test_the_filter_is_short_enough_for_its_jumps_and_the_kernel() -> None:
    for machine in MACHINES.values():
        program = sandbox_seccomp.instructions(machine, (1, -1))
        assert len(program) < 4096
        assert all(0 <= jump < 256 for _, *jumps, _ in program for jump in jumps)


def in_sandbox(folder: Path, script: str, before: str = "") -> Any:
    """What a script prints as JSON from inside the sandbox, where ``folder`` is its own.

    ``before`` is a line of Python that runs outside.
    """
    begin = f"""
        import json, os, sys
        from pathlib import Path
        from qmk_contract.work_order import SandboxMode
        from qmk_runner import sandbox
        {before}

        folder = Path({str(folder)!r})
        layers = sandbox.enter(
            sandbox.rules([folder], search_path="/usr/bin:/bin"), SandboxMode.REQUIRE
        )

        def answer(function, *arguments):
            try:
                function(*arguments)
            except OSError as error:
                return error.strerror
            return "done"
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(begin) + textwrap.dedent(script)],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": ":".join(str(ROOT / p) for p in PACKAGES)},
        capture_output=True,
        start_new_session=True,
        timeout=20,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return json.loads(done.stdout)


@pytest.fixture
def folders() -> Iterator[tuple[Path, Path]]:
    """A build's own folder, and one beside it. Not in /tmp, which is open to a build."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as root:
        mine, others = Path(root) / "mine", Path(root) / "others"
        for folder in (mine, others):
            folder.mkdir()
        (others / "secret").write_text("secret")
        yield mine, others


def test_a_sandboxed_process_has_its_folder_and_the_programs(folders: tuple[Path, Path]) -> None:
    script = """
        import subprocess
        (folder / "made").write_text("made")
        (folder / "made").rename(folder / "moved")
        (folder / "run").write_text("#!/bin/sh\\necho ran\\n")
        os.fchmod(os.open(folder / "run", os.O_RDONLY), 0o700)
        os.mkfifo(folder / "pipe")
        Path("/dev/null").write_text("nothing")
        print(json.dumps([
            (folder / "moved").read_text(),
            subprocess.run([folder / "run"], capture_output=True, text=True).stdout,
            [layer.partition("-")[0] for layer in layers],
        ]))
    """
    mine, _ = folders
    expected = ["made", "ran\n", ["landlock", "seccomp", "rlimits"]]
    assert in_sandbox(mine, script) == expected


def test_a_sandboxed_process_reaches_no_other_file(folders: tuple[Path, Path]) -> None:
    mine, others = folders
    script = f"""
        others = Path({str(others)!r})
        print(json.dumps([
            answer(Path("/etc/passwd").read_text),
            answer(Path("/proc/self/environ").read_text),
            answer(os.listdir, "/proc"),
            answer(os.listdir, "/"),
            answer(Path("/dev/zero").open),
            answer((others / "secret").read_text),
            answer((others / "secret").write_text, "mine"),
            answer(os.truncate, others / "secret", 0),
            answer((others / "new").write_text, "mine"),
            answer((others / "secret").unlink),
            answer((folder / "soft").symlink_to, others / "secret"),
            answer((folder / "soft").read_text),
            answer((folder / "hard").hardlink_to, others / "secret"),
            answer((others / "secret").rename, folder / "taken"),
            answer(os.mknod, folder / "zero", 0o020600, os.makedev(1, 5)),
        ]))
    """
    denied, elsewhere = "Permission denied", "Invalid cross-device link"
    expected = [denied] * 10 + ["done", denied, elsewhere, denied, denied]
    assert in_sandbox(mine, script) == expected
    assert (others / "secret").read_text() == "secret"


def test_a_sandboxed_process_changes_no_mode_and_no_owner(folders: tuple[Path, Path]) -> None:
    mine, others = folders
    (others / "secret").chmod(0o640)
    script = f"""
        secret = {str(others / "secret")!r}
        print(json.dumps([
            answer(os.chmod, secret, 0), answer(os.chown, secret, 1, 1),
            answer(os.setxattr, secret, "user.x", b"x"),
        ]))
    """
    assert in_sandbox(mine, script) == ["done", *["Operation not permitted"] * 2]
    assert (others / "secret").stat().st_mode & 0o777 == 0o640


def test_a_sandboxed_process_has_no_sockets_and_no_other_process(
    folders: tuple[Path, Path],
) -> None:
    script = """
        import ctypes, fcntl, resource, signal, socket
        libc = ctypes.CDLL(None, use_errno=True)

        def call(number, *arguments):
            if libc.syscall(number, *arguments) < 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

        parent = os.getppid()
        pipe, _ = os.pipe()
        print(json.dumps([
            answer(fcntl.fcntl, pipe, fcntl.F_SETOWN, parent),
            answer(fcntl.fcntl, pipe, fcntl.F_SETSIG, signal.SIGKILL),
            answer(fcntl.fcntl, pipe, 15, bytes(8)),
            answer(fcntl.ioctl, pipe, 0x8901, bytes(4)),
            answer(socket.socket, socket.AF_INET),
            answer(socket.socket, socket.AF_INET6, socket.SOCK_DGRAM),
            answer(socket.socket, socket.AF_UNIX),
            answer(socket.socketpair),
            answer(os.kill, parent, 0),
            answer(os.kill, 1, 0),
            answer(os.kill, -1, 0),
            answer(os.setsid),
            answer(os.setpgid, 0, 0),
            answer(os.setpriority, os.PRIO_PROCESS, parent, 10),
            answer(os.sched_setaffinity, parent, {0}),
            answer(resource.prlimit, parent, resource.RLIMIT_NOFILE, (5, 5)),
            answer(libc.ptrace, 16, parent, 0, 0) and answer(call, 101, 16, parent, 0, 0),
            answer(call, 272, 0x10000000),
            answer(call, 425, 8, 0),
            answer(os.pidfd_open, parent),
            answer(os.kill, os.getpid(), 0),
        ]))
    """
    mine, _ = folders
    expected = [*["Operation not permitted"] * 18, *["Function not implemented"] * 2, "done"]
    if os.uname().machine == "x86_64":
        assert in_sandbox(mine, script) == expected


def test_a_sandboxed_process_has_limits(folders: tuple[Path, Path]) -> None:
    script = """
        def fill():
            bytearray(sandbox.Limits.data_bytes)

        try:
            fill()
        except MemoryError:
            memory = "refused"
        with (folder / "large").open("wb") as file:
            large = answer(file.truncate, sandbox.Limits.file_bytes + 1)
        print(json.dumps([memory, large, answer(os.pipe) == "done"]))
    """
    mine, _ = folders
    assert in_sandbox(mine, script) == ["refused", "File too large", True]


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Give this process a kernel that has not got a layer."""

    def take(layer: str) -> None:
        if layer == "landlock":
            monkeypatch.setattr(sandbox_landlock, "abi", lambda: 0)
        else:
            monkeypatch.setattr(sandbox_seccomp, "available", lambda: False)

    return take


@pytest.mark.parametrize("layer", ["landlock", "seccomp"])
def test_a_missing_layer_is_refused_or_told(without: Callable[[str], None], layer: str) -> None:
    without(layer)
    with pytest.raises(sandbox.SandboxUnavailableError, match=f"no {layer} for"):
        sandbox.check(SandboxMode.REQUIRE)
    assert not any(name.startswith(layer) for name in sandbox.check(SandboxMode.PREFER))


def test_a_workbench_outside_of_a_sandbox_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.setattr(sandbox, "enter", refuse)
    folder = str(tmp_path)
    order = WorkbenchOrder(
        attempt=Attempt.WHOLE, tree=folder, keymap=folder, home=folder, temporary=folder,
        keyboard="demo/pad", keymap_name="x", make_jobs=1, sandbox=SandboxMode.PREFER,
    )  # fmt: skip
    (tmp_path / "order.json").write_text(json.dumps(to_body(order)))
    report = tmp_path / "report.json"
    assert workbench.main(tmp_path / "order.json", report) == ExitCode.NO_SANDBOX
    assert "sandbox cannot be entered" in capfd.readouterr().out
    assert not report.exists()


def test_a_process_with_threads_is_not_taken_in() -> None:
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    try:
        with pytest.raises(RuntimeError, match="one thread"):
            sandbox.enter(sandbox.rules([], search_path=""), SandboxMode.REQUIRE)
    finally:
        end.set()
        thread.join()


@pytest.mark.parametrize(
    ("abi", "files", "net", "scopes"),
    [
        (1, Right.MAKE_SYM, 0, 0),
        (2, Right.REFER, 0, 0),
        (3, Right.TRUNCATE, 0, 0),
        (4, Right.TRUNCATE, 3, 0),
        (5, Right.IOCTL_DEV, 3, 0),
        (7, Right.IOCTL_DEV, 3, 3),
    ],
)
def test_an_older_kernel_is_asked_for_what_it_knows(
    monkeypatch: pytest.MonkeyPatch, abi: int, files: Right, net: int, scopes: int
) -> None:
    asked = []

    def call(number: int, *arguments: Any) -> int:
        if number == 444 and arguments[0] is None:
            return abi
        if number == 444:
            asked.append(
                [int.from_bytes(arguments[0].raw[i : i + 8], sys.byteorder) for i in (0, 8, 16)]
            )
        return os.open("/dev/null", os.O_RDONLY) if number == 444 else 0

    monkeypatch.setattr(kernel, "call", call)
    assert sandbox_landlock.restrict([(Path("/usr"), sandbox_landlock.RUN)]) == abi
    assert {tuple(item) for item in asked} == {((files << 1) - 1, net, scopes)}


def test_a_kernel_that_promises_too_much_is_asked_for_less(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def call(number: int, *arguments: Any) -> int:
        if number == 444 and arguments[0] is None:
            return 6
        if number == 444 and any(arguments[0].raw[16:]):
            raise OSError(22, "Invalid argument")
        return os.open("/dev/null", os.O_RDONLY) if number == 444 else 0

    monkeypatch.setattr(kernel, "call", call)
    assert sandbox_landlock.restrict([]) == 5
    assert sandbox_landlock.abi() == 5
    assert sandbox.layers()[0] == "landlock-5"
