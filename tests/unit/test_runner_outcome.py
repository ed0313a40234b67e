"""What the end of a build means: one row per situation."""

import errno
import os
import time
import traceback

import pytest

from qmk_contract.exit_codes import ExitCode
from qmk_contract.phases import CACHEABLE_REASONS, Reason
from qmk_contract.result import Diagnostic
from qmk_runner.outcome import MESSAGE_LENGTH_MAX, Evidence, explained, judge

FINE = Evidence(returncode=0, timed_out=False, memory_kills=0, log="", firmware_found=True)


def failed(log: str, *, returncode: int = 2) -> Evidence:
    return Evidence(
        returncode=returncode,
        timed_out=False,
        memory_kills=0,
        log=log,
        firmware_found=True,
    )


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (FINE, Reason.COMPLETED),
        (failed("a.c:1:1: error: e\ngmake: *** [x] Error 1\n"), Reason.COMPILE_ERROR),
        (failed(" * The firmware is too large! 31378/28672 (2706 bytes over)\n"),
         Reason.FIRMWARE_TOO_LARGE),
        (failed("avr/bin/ld: region `text' overflowed by 15146 bytes\n"),
         Reason.FIRMWARE_TOO_LARGE),
        (failed("☒ Invalid JSON keymap: keymap.json : 1 is not of type 'array'\n", returncode=1),
         Reason.INVALID_KEYMAP),
        (failed("☒ Invalid JSON encountered attempting to load keymap.json:\n", returncode=1),
         Reason.INVALID_KEYMAP),
        (failed("ValueError: Invalid keyboard: no/such/kb\n", returncode=255),
         Reason.COMPILE_ERROR),
        (failed("    5 | make: *** [a.mk:3: x] Error 127\n"), Reason.COMPILE_ERROR),
        (Evidence(0, False, 0, "", True, disk_full=True), Reason.COMPLETED),
        (failed("    5 | ( Invalid return_code: -9\n"), Reason.COMPILE_ERROR),
        (failed("     (Invalid return_code: -9\n"), Reason.COMPILE_ERROR),
        (failed(" |     x = L(a: Input/output error\n"), Reason.COMPILE_ERROR),
        (failed("     The firmware is too large! 1/2 (3 bytes over)\n"), Reason.COMPILE_ERROR),
        # A keycode may hold these words; the compiler quotes source indented.
        *((failed(f"x.c:1:1: error: e\n{quoted}[0] = L({words}\n"), Reason.COMPILE_ERROR)
          for quoted in ("     ", "    5 | ", " |      ", " |     5 | ")
          for words in (
              "a: No space left on device", "a: out of memory", "a: Stale file handle",
              "a[Errno 12] Cannot allocate memory", "a\rMemoryError: a")),
        *((failed(f"☒ Invalid JSON keymap: keymap.json : '{words}' is not of type 'array'\n"),
           Reason.INVALID_KEYMAP)
          for words in ("a: out of memory", "MemoryError: a", "x: Stale file handle: 'a'")),
        (failed("ValueError: Invalid keyboard: MemoryError: a\n"), Reason.COMPILE_ERROR),
        (failed("a.c:1:1: error: 'MemoryError' undeclared\n"), Reason.COMPILE_ERROR),
    ],
)  # fmt: skip
def test_an_end_that_would_repeat_is_a_result(evidence: Evidence, reason: Reason) -> None:
    verdict = judge(evidence)
    assert (verdict.exit_code, verdict.reason) == (ExitCode.OK, reason)
    assert verdict.reason in CACHEABLE_REASONS


@pytest.mark.parametrize(
    ("evidence", "code"),
    [
        (Evidence(-9, True, 0, "", False), ExitCode.TIMED_OUT),
        (Evidence(0, True, 0, "", True), ExitCode.TIMED_OUT),
        (Evidence(2, False, 1, "gcc: fatal error: Killed (program cc1)", False),
         ExitCode.OUT_OF_MEMORY),
        (Evidence(0, False, 1, "", True), ExitCode.OUT_OF_MEMORY),
        (failed("avr-gcc: internal compiler error: Killed (program cc1)\n"),
         ExitCode.OUT_OF_MEMORY),
        (failed("gcc: fatal error: Killed signal terminated program cc1\n"),
         ExitCode.OUT_OF_MEMORY),
        (failed("cc1: out of memory allocating 65536 bytes after a total of 1\n"),
         ExitCode.OUT_OF_MEMORY),
        (failed("virtual memory exhausted: Cannot allocate memory\n"), ExitCode.OUT_OF_MEMORY),
        (failed("MemoryError\n"), ExitCode.OUT_OF_MEMORY),
        (failed("gmake: fork: Resource temporarily unavailable\n"), ExitCode.OUT_OF_MEMORY),
        (failed("awk: out of memory\n"), ExitCode.OUT_OF_MEMORY),
        (failed("make: stat: x.mk: Stale file handle\n"), ExitCode.NO_RESULT),
        (failed(" | cc1: error: x.s: No space left on device\n"), ExitCode.OUT_OF_DISK),
        (failed("cp: error writing 'x.hex': No space left on device\n"), ExitCode.OUT_OF_DISK),
        (failed("OSError: [Errno 28] No space left on device: 'x'\n"), ExitCode.OUT_OF_DISK),
        (failed("a.c:1:1: error: e\n", returncode=-11), ExitCode.NO_RESULT),
        (failed("\u2612 Invalid return_code: -11\n"), ExitCode.NO_RESULT),
        (failed("gmake: arm-none-eabi-gcc: No such file or directory\n"), ExitCode.NO_RESULT),
        (failed("/bin/sh: 1: Cannot fork\n"), ExitCode.NO_RESULT),
        (failed("cc1: fatal error: a.c: Input/output error\n"), ExitCode.NO_RESULT),
        (failed("a.c:1:2: internal compiler error: Segmentation fault\n"), ExitCode.NO_RESULT),
        (failed("/bin/sh: 1: echo: echo: I/O error\n"), ExitCode.NO_RESULT),
        *((failed(f"gmake[1]: *** [a.mk:3: .build/x.o] Error {status}\n"), ExitCode.NO_RESULT)
          for status in (126, 127, 134, 135, 137, 139)),
        (failed(" | make: *** [a.mk:3: x] Segmentation fault (core dumped)\n"),
         ExitCode.NO_RESULT),
        (failed("x.c:1:1: error: e\n", returncode=127), ExitCode.NO_RESULT),
        (Evidence(2, False, 0, "x.c:1:1: error: e\n", False, disk_full=True),
         ExitCode.OUT_OF_DISK),
        (Evidence(1, False, 0, "", False, reported=False, disk_full=True), ExitCode.OUT_OF_DISK),
        (Evidence(2, False, 0, "cc1: x.o: No space left on device\n", False, own_disk=True),
         ExitCode.LIMIT_EXCEEDED),
        (Evidence(1, False, 0, "", False, reported=False, disk_full=True, own_disk=True),
         ExitCode.LIMIT_EXCEEDED),
        (Evidence(2, False, 0, "x.c:1:1: error: e\n", False, disk_full=True, own_disk=True),
         ExitCode.LIMIT_EXCEEDED),
        (failed("avr-gcc: Permission denied\n"), ExitCode.NO_RESULT),
        (failed("/bin/sh: line 1: avr-gcc: command not found\n"), ExitCode.NO_RESULT),
        (failed("avr-gcc: error trying to exec 'cc1': execvp: No such file or directory\n"),
         ExitCode.NO_RESULT),
        (failed("OSError: [Errno 24] Too many open files: '/x'\n"), ExitCode.NO_RESULT),
        (failed("OSError: [Errno 30] Read-only file system: 'x'\n"), ExitCode.NO_RESULT),
        (Evidence(0, False, 0, "", False), ExitCode.NO_RESULT),
        (Evidence(-9, False, 0, "sh: fork: Resource temporarily unavailable\n", False,
                  excess="The build started more than 1024 processes."),
         ExitCode.LIMIT_EXCEEDED),
        (Evidence(-9, False, 1, "", False, excess="The build needed more memory."),
         ExitCode.OUT_OF_MEMORY),
        (failed(" | cc1: error: error writing to x.s: File too large\n"),
         ExitCode.LIMIT_EXCEEDED),
        (failed("OSError: [Errno 27] File too large: 'x'\n"), ExitCode.LIMIT_EXCEEDED),
        (failed("make: *** [a.mk:3: all] File size limit exceeded\n"), ExitCode.LIMIT_EXCEEDED),
        (failed("make: *** [a.mk:3: all] CPU time limit exceeded\n"), ExitCode.LIMIT_EXCEEDED),
    ],
)  # fmt: skip
def test_an_end_that_might_not_repeat_is_no_result(evidence: Evidence, code: ExitCode) -> None:
    verdict = judge(evidence)
    assert (verdict.exit_code, verdict.reason) == (code, None)
    assert verdict.message


def of_the_system(number: int, *files: str) -> OSError:
    """What Python makes of a call that failed; with files as `open` and `os.rename` name them."""
    return OSError(number, os.strerror(number), *files[:1], *(None for _ in files[1:]), *files[1:])


@pytest.mark.parametrize("files", [(), ("keymap.c",), ("a'b.c",), ("a.c", "b.c")])
@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EAGAIN, ExitCode.OUT_OF_MEMORY),
        (errno.ENOMEM, ExitCode.OUT_OF_MEMORY),
        (errno.ENOSPC, ExitCode.OUT_OF_DISK),
        (errno.EDQUOT, ExitCode.OUT_OF_DISK),
        (errno.EFBIG, ExitCode.LIMIT_EXCEEDED),
        (errno.EIO, ExitCode.NO_RESULT),
        (errno.EROFS, ExitCode.NO_RESULT),
        (errno.EMFILE, ExitCode.NO_RESULT),
        (errno.ENFILE, ExitCode.NO_RESULT),
        (errno.ESTALE, ExitCode.NO_RESULT),
    ],
)
@pytest.mark.parametrize("before", ["", " | ", "☒ "])
def test_a_system_in_trouble_is_believed_as_the_trees_python_tells_it(
    number: int, code: ExitCode, files: tuple[str, ...], before: str
) -> None:
    (line,) = traceback.format_exception_only(of_the_system(number, *files))
    verdict = judge(failed(f"Traceback (most recent call last):\n{before}{line}"))
    assert (verdict.exit_code, verdict.reason) == (code, None)


@pytest.mark.parametrize(
    "error", [MemoryError(), MemoryError("x: y"), RuntimeError("can't start new thread")]
)
def test_python_without_memory_or_threads_is_starved(error: Exception) -> None:
    (line,) = traceback.format_exception_only(error)
    assert judge(failed(line)).exit_code is ExitCode.OUT_OF_MEMORY


@pytest.mark.parametrize(
    ("evidence", "message"),
    [
        (failed("ValueError: Invalid keyboard: x\n\n"), "ValueError: Invalid keyboard: x"),
        (failed("said why\ngmake: *** [a.mk:1: all] Error 1\n"), "said why"),
        (failed("gmake: *** [a.mk:1: all] Error 1\n"), "qmk compile ended with exit code 2"),
        (failed("☒ Invalid JSON keymap: keymap.json : 1 is wrong\n"),
         "Invalid JSON keymap: 1 is wrong"),
    ],
)  # fmt: skip
def test_the_message_says_what_to_mend(evidence: Evidence, message: str) -> None:
    assert judge(evidence).message == message


@pytest.mark.parametrize(
    ("diagnostics", "message"),
    [
        ([Diagnostic("error", "no KC_X", "keymap.c", 4, 2, 1, 2)], "layer 1, key 2: no KC_X"),
        ([Diagnostic("warning", "w"), Diagnostic("error", "e", "a.c", 3, 1)], "a.c:3: e"),
        ([Diagnostic("error", "undefined reference to `g'")], "undefined reference to `g'"),
        ([Diagnostic("error", "x" * 2000)], "x" * MESSAGE_LENGTH_MAX),
        ([Diagnostic("warning", "w")], "said last"),
        ([], "said last"),
    ],
)
def test_a_compile_error_is_told_in_the_compilers_words(
    diagnostics: list[Diagnostic], message: str
) -> None:
    verdict = explained(judge(failed("said last\n")), diagnostics)
    assert (verdict.message, verdict.reason) == (message, Reason.COMPILE_ERROR)


@pytest.mark.parametrize(
    "evidence", [FINE, failed("\u2612 Invalid JSON keymap: k\n"), failed("MemoryError\n")]
)
def test_any_other_end_has_words_of_its_own(evidence: Evidence) -> None:
    verdict = judge(evidence)
    assert explained(verdict, [Diagnostic("error", "e")]) == verdict


@pytest.mark.parametrize(
    "piece",
    [
        "\n", " \n", " | ", "(", ": Killed ", "region ", "a:1", "* ", "[Errno 1", "MemoryError: ",
        ": No space left on device: '", ": File too large: 'a' -> '", "] Stale file handle: '",
        "[Errno 12] Cannot allocate memory: '", ": out of memory",
    ],
)  # fmt: skip
def test_a_log_is_judged_in_time_that_grows_with_it_alone(piece: str) -> None:
    began = time.process_time()
    judge(failed(piece * ((1 << 18) // len(piece))))
    assert time.process_time() - began < 5


def test_a_message_has_a_bound() -> None:
    assert len(judge(failed("x" * 10_000)).message) == MESSAGE_LENGTH_MAX


def test_an_unfit_keymap_is_told_with_its_field() -> None:
    said = "Invalid JSON keymap: 'x' is not of type 'integer'"
    verdict = judge(failed(f"\u2612 {said}\n"))
    found = [Diagnostic("error", "e"), Diagnostic("error", f"config.tapping.term: {said}")]
    told = explained(verdict, found)
    assert (told.reason, told.message) == (Reason.INVALID_KEYMAP, f"config.tapping.term: {said}")
