"""What strangers' C, make and Python try from inside a build, and what becomes of it.

Every attack runs through the real ``build``, beside an ``upload`` that waits, with the demo tree,
the real ``qmk`` and avr-gcc. Nothing it was not given may leave the pod, and the next build in the
same place must have the bytes that it always had.
"""

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmk_contract import artifacts
from qmk_contract.exit_codes import ExitCode
from qmk_contract.phases import Reason
from tests.http_storage import http_storage
from tests.integration.hostile_pod import (
    CANARY,
    REACHED,
    Attack,
    Fallout,
    HostilePod,
    demo_tree,
    seen_by_others,
)

SEARCH_PATH = f"{Path(sys.executable).parent}:/usr/bin:/bin"
#: From the end of a build's own time to its container's.
MARGIN_SECONDS = 10
DENIED = "Permission denied"
REFUSED = "refused: Permission denied"
NOT_PERMITTED = "refused: Operation not permitted"

#: Attacks that fail and so does the build: as an error of the keymap.
COMPILE_ERRORS = [
    Attack("include", c='#include "{secret}"\n', prints=DENIED),
    Attack("include-of-the-system", c="#include </etc/passwd>\n", prints=DENIED),
    Attack("include-by-digraph", c='%:include "{secret}"\n', prints=DENIED),
    Attack("include-by-trigraph", c='??=include "{secret}"\n', prints="error"),
    Attack("include-by-line-splice", c='#inc\\\nlude "{secret}"\n', prints=DENIED),
    Attack("include-without-blank", c='#include"{secret}"\n', prints=DENIED),
    Attack("include-after-comment", c='#/**/include/**/"{secret}"\n', prints=DENIED),
    Attack("include-by-macro", c='#define X "{secret}"\n#include X\n', prints=DENIED),
    Attack("include-next", c='#include_next "{secret}"\n', prints=DENIED),
    Attack("import", c='#import "{secret}"\n', prints=DENIED),
    Attack("imacros", make="OPT_DEFS += -imacros {secret}", prints=DENIED),
    Attack("include-by-dots", c='#include "../../../../../../../other-build/keymap.c"\n',
           prints="No such file|" + DENIED),
    Attack("include-by-link", python='os.symlink("{secret}", "link.h")', c='#include "link.h"\n',
           prints=DENIED),
    Attack("include-environment", c='#include "/proc/self/environ"\n', prints=DENIED),
    Attack("include-zeroes", c='#include "/dev/zero"\n', prints=DENIED),
    Attack("include-random-bytes", c="#include </dev/urandom>\n", prints=DENIED),
    Attack("include-itself", c="#include __FILE__\n", prints="nested"),
    Attack("embed", c='const char x[] = {\n#embed "{secret}"\n};\n', prints="error"),
    Attack("incbin", c='asm(".incbin \\"{secret}\\"");\n', prints="Error|error"),
    Attack("incbin-environment", c='asm(".incbin \\"/proc/self/environ\\"");\n',
           prints="Error|error"),
    Attack("assembler-include", c='asm(".include \\"{secret}\\"");\n', prints="Error|error"),
    Attack("keycode-with-include", request={"layers": [["KC_A", "KC_A", "KC_A", "KC_A",
           'KC_A)};\n#include "/etc/passwd"\n']]}, prints=DENIED + "|Invalid"),
    Attack("response-file", make="OPT_DEFS += @{secret}", prints="No such file|" + DENIED),
    Attack("specs-file", make="OPT_DEFS += -specs={secret}", prints="error"),
    Attack("plugin", make="OPT_DEFS += -fplugin={secret}", prints="error"),
    Attack("linker-script", make="EXTRAFLAGS += -Wl,-T,{secret}",
           prints="cannot open linker script"),
    Attack("linker-object", make="EXTRAFLAGS += -Wl,--just-symbols={secret}",
           prints="No such file|" + DENIED),
    Attack("make-include", make="include {secret}", prints=DENIED),
    Attack("make-file-function", make="$(info $(file <{secret}))", prints=DENIED),
]  # fmt: skip

#: Attacks that are refused, and harm nobody: the firmware has the bytes it should have.
HARMLESS = [
    # That a file exists can be known. What is in it can't.
    Attack("has-include", c='#if __has_include("{secret}")\n#include "{secret}"\n#endif\n'),
    Attack("forged-report", python="import json\nfor name in ('report.json', 'order.json'):\n"
           "    open('../job/' + name, 'w').write('[' * 100000)"),
    Attack("wrapper", make="X := $(shell avr-gcc -wrapper cat,{secret},-- -E - 2>&1 </dev/null)\n"
           "$(info $(X))", prints=DENIED),
    Attack("shell-cat", make="$(info $(shell cat {secret} /etc/passwd 2>&1))", prints=DENIED),
    Attack("shell-environments", make="$(info $(shell cat /proc/*/environ /proc/1/environ 2>&1))",
           prints=DENIED),
    Attack("shell-writes-result", make="$(info $(shell echo x 2>&1 >{shared}/result.json))",
           prints=DENIED),
    Attack("shell-device", make="$(info $(shell mknod zero c 1 5 2>&1))", prints="mknod: zero"),
    Attack("daemon", make="$(shell (setsid sleep 300; sleep 300) >/dev/null 2>&1 &)"),
    Attack("signal-everybody", make="$(info $(shell kill -0 -1 2>&1 && echo " + REACHED + "))",
           prints="not permitted"),
    Attack("python-etc", python='attempt(open, "/etc/passwd")', prints=REFUSED),
    Attack("python-environment", python='attempt(open, "/proc/self/environ")', prints=REFUSED),
    Attack("python-first-process", python='attempt(open, "/proc/1/environ")', prints=REFUSED),
    Attack("python-service-account", python='attempt(os.listdir, "/run")\n'
           'attempt(os.listdir, "/var/run/secrets/kubernetes.io/serviceaccount")',
           prints=REFUSED),
    Attack("python-order-of-upload", python="me = os.getpid()\n"
           "for pid in range(max(1, me - 300), me):\n"
           '    if os.path.exists(f"/proc/{pid}"):\n'
           '        attempt(open, f"/proc/{pid}/environ")', prints=REFUSED),
    Attack("python-other-build", python='attempt(open, "{secret}")', prints=REFUSED),
    Attack("python-shared-folder", python='attempt(os.listdir, "{shared}")\n'
           'attempt(open, "{shared}/build.lock")', prints=REFUSED),
    Attack("python-downloads", python='attempt(os.listdir, "{scratch}")', prints=REFUSED),
    Attack("python-hard-link", python='attempt(os.link, "{secret}", "hard.h")',
           prints="refused: Invalid cross-device link"),
    Attack("python-chmod", python='os.chmod("{shared}", 0)\nos.chmod("{shared}/build.lock", 0)'),
    Attack("python-toolchain", python='attempt(open, "/usr/bin/avr-gcc", "ab")\n'
           "import qmk\nattempt(open, sys.executable, 'ab')", prints=REFUSED),
    Attack("python-inet-socket", python="import socket\nattempt(socket.socket)",
           prints=NOT_PERMITTED),
    Attack("python-unix-socket", python="import socket\nattempt(socket.socket, socket.AF_UNIX)",
           prints=NOT_PERMITTED),
    Attack("python-netlink-socket", python="import socket\n"
           "attempt(socket.socket, socket.AF_NETLINK, socket.SOCK_RAW)", prints=NOT_PERMITTED),
    Attack("python-signals-runner", python="for pid in range(1, os.getpid()):\n"
           "    if os.path.exists(f'/proc/{pid}') and os.getpgid(pid) not in (0, os.getpgid(0)):\n"
           "        attempt(os.kill, pid, 0)\n        attempt(os.killpg, os.getpgid(pid), 0)",
           prints=NOT_PERMITTED),
    Attack("python-traces-runner", python="import ctypes\n"
           "libc = ctypes.CDLL(None, use_errno=True)\n"
           "if libc.ptrace(16, os.getppid(), 0, 0) == 0:\n    print('REACHED')\n"
           "print('refused:', os.strerror(ctypes.get_errno()), file=sys.stderr)",
           prints=NOT_PERMITTED),
    Attack("python-daemon", python="if os.fork() == 0:\n    attempt(os.setsid)\n"
           "    if os.fork() == 0:\n"
           "        os.execvp('sleep', ['sleep', '300'])\n    os._exit(0)",
           prints=NOT_PERMITTED),
    Attack("python-namespace", python="import ctypes\n"
           "libc = ctypes.CDLL(None, use_errno=True)\n"
           "if libc.unshare(0x10000000) == 0:\n    print('REACHED')\n"
           "print('refused:', os.strerror(ctypes.get_errno()), file=sys.stderr)",
           prints=NOT_PERMITTED),
    Attack("python-next-home", python='os.makedirs(os.environ["HOME"] + "/.config/qmk")\n'
           'open(os.environ["HOME"] + "/.config/qmk/qmk.ini", "w").write("[general]\\nx=1\\n")\n'
           'open("/tmp/../" + os.environ["TMPDIR"] + "/x", "w").close()'),
]  # fmt: skip

#: Attacks on what a build may take: a named end, and nothing that would be stored.
LIMITS: list[tuple[Attack, ExitCode, str]] = [
    (Attack("runs-on", make="$(shell while :; do :; done)", timeout_seconds=2),
     ExitCode.TIMED_OUT, "ran into its time limit"),
    (Attack("runs-on-unimpressed", python="import signal\n"
            "for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):\n"
            "    signal.signal(number, signal.SIG_IGN)\nwhile True: pass", timeout_seconds=2),
     ExitCode.TIMED_OUT, "ran into its time limit"),
    (Attack("include-tree", c="#include __FILE__\n#include __FILE__\n", timeout_seconds=3),
     ExitCode.TIMED_OUT, "ran into its time limit"),
    (Attack("fork-bomb-of-shells", make="$(shell b() { b | b & }; b)"),
     ExitCode.LIMIT_EXCEEDED, "more than 256 processes"),
    (Attack("fork-bomb-of-sessions", python="while True:\n    if os.fork() == 0:\n"
            "        try: os.setsid()\n        except OSError: pass"),
     ExitCode.LIMIT_EXCEEDED, "more than 256 processes"),
    (Attack("ten-gigabytes-of-output", make="$(shell yes mostly harmless | head -c 10G >&2)"),
     ExitCode.LIMIT_EXCEEDED, "bytes of output"),
    (Attack("endless-output", python="while True: os.write(1, b'x' * 65536)"),
     ExitCode.LIMIT_EXCEEDED, "bytes of output"),
    (Attack("fills-the-disk", python="import time\nfor number in range(4):\n"
            "    with open(f'{number}', 'wb') as file:\n"
            "        os.posix_fallocate(file.fileno(), 0, 400 << 20)\ntime.sleep(20)"),
     ExitCode.LIMIT_EXCEEDED, "bytes to disk"),
    (Attack("fills-a-file", python="open('large', 'wb').truncate(1 << 30)"),
     ExitCode.LIMIT_EXCEEDED, "limit of file"),
    (Attack("fills-a-file-by-assembler", c='asm(".space 2000000000, 1");\n'),
     ExitCode.LIMIT_EXCEEDED, "limit of file"),
    (Attack("fills-memory", python="bytearray(8 << 30)"),
     ExitCode.OUT_OF_MEMORY, "more memory"),
    (Attack("fills-memory-by-assembler",
            c='asm(".rept 2000000000\\n.byte 1, 2, 3, 4\\n.endr");\n'),
     ExitCode.OUT_OF_MEMORY, "more memory"),
    (Attack("firmware-is-a-link", make="COPY = ln -s {secret} $(TARGET).hex; true"),
     ExitCode.NO_RESULT, "without its firmware"),
    (Attack("firmware-is-a-pipe", make="COPY = mkfifo $(TARGET).hex; true"),
     ExitCode.NO_RESULT, "without its firmware"),
    (Attack("firmware-is-a-folder", make="COPY = mkdir $(TARGET).hex; true"),
     ExitCode.NO_RESULT, "without its firmware"),
]  # fmt: skip


@pytest.fixture(scope="module")
def pod() -> Iterator[HostilePod]:
    """One place for all builds, so that what one leaves meets the next. Not in /tmp, which is open
    to a build: in a pod it is the build's own."""
    for program in ("qmk", "avr-gcc", "make", "zstd", "git"):
        if shutil.which(program, path=SEARCH_PATH) is None:
            pytest.fail(f"{program} is missing: these tests build real firmware")
    with tempfile.TemporaryDirectory(dir="/var/tmp") as folder, http_storage() as storage:
        root = Path(folder)
        (root / "scratch").mkdir()
        made = HostilePod(
            root / "scratch", SEARCH_PATH, root=root, storage=storage, innocent=demo_tree()
        )
        yield made
        made.end()


@pytest.fixture(scope="module")
def firmware(pod: HostilePod) -> bytes:
    """What an innocent build gives. No attack is started unless the sandbox is seen to hold."""
    probe = pod.attack(Attack("probe", python='attempt(open, "/etc/hostname")\nimport socket\n'
                              'attempt(socket.socket)'))  # fmt: skip
    assert REFUSED in probe.log
    assert NOT_PERMITTED in probe.log
    fallout = pod.build()
    assert fallout.code == ExitCode.OK, fallout.output
    assert CANARY.encode() not in seen_by_others(fallout)
    return fallout.files[artifacts.FIRMWARE]


def check(pod: HostilePod, fallout: Fallout, attack: Attack) -> None:
    """What holds after every attack, whatever its end."""
    assert fallout.seconds < attack.timeout_seconds + MARGIN_SECONDS
    seen = seen_by_others(fallout)
    assert CANARY.encode() not in seen
    assert b"root:" not in seen
    assert REACHED not in fallout.output
    assert pod.left_behind() == []
    assert pod.secret.read_text() == f"{CANARY}\n"
    assert set(fallout.files) <= {
        "build.lock", artifacts.LOG, artifacts.RESULT, artifacts.FIRMWARE, artifacts.KEYMAP_C,
    }  # fmt: skip


def names(attacks: list[Attack]) -> list[str]:
    return [attack.name for attack in attacks]


@pytest.mark.parametrize("attack", COMPILE_ERRORS, ids=names(COMPILE_ERRORS))
@pytest.mark.usefixtures("firmware")
def test_it_fails_as_an_error_of_the_keymap(pod: HostilePod, attack: Attack) -> None:
    fallout = pod.attack(attack)
    check(pod, fallout, attack)
    assert fallout.code == ExitCode.OK, fallout.output
    assert fallout.result is not None
    assert fallout.result["reason"] in (Reason.COMPILE_ERROR, Reason.INVALID_KEYMAP)
    assert_prints(attack, fallout)


@pytest.mark.parametrize("attack", HARMLESS, ids=names(HARMLESS))
def test_it_is_refused_and_harms_nobody(pod: HostilePod, firmware: bytes, attack: Attack) -> None:
    fallout = pod.attack(attack)
    check(pod, fallout, attack)
    assert fallout.code == ExitCode.OK, fallout.output
    assert fallout.files.get(artifacts.FIRMWARE) == firmware, fallout.output
    assert_prints(attack, fallout)


@pytest.mark.parametrize(
    ("attack", "code", "message"), LIMITS, ids=names([attack for attack, _, _ in LIMITS])
)
def test_it_meets_a_limit_and_nothing_is_stored(
    pod: HostilePod, firmware: bytes, attack: Attack, code: ExitCode, message: str
) -> None:
    fallout = pod.attack(attack)
    check(pod, fallout, attack)
    assert fallout.code == code, fallout.output[-2000:]
    assert message in fallout.log
    assert artifacts.RESULT not in fallout.files
    assert pod.build().files[artifacts.FIRMWARE] == firmware


def test_an_innocent_build_has_its_bytes_after_all_of_them(
    pod: HostilePod, firmware: bytes
) -> None:
    assert pod.build().files[artifacts.FIRMWARE] == firmware


def assert_prints(attack: Attack, fallout: Fallout) -> None:
    assert re.search(attack.prints, fallout.log, re.MULTILINE), fallout.log[-2000:]
