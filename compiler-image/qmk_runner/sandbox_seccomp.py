"""A seccomp filter: which system calls a process and its descendants can make.

It refuses what no build needs and Landlock does not govern. Everything that the kernel got after
the two tables below were written it answers as an older kernel would. See
https://docs.kernel.org/userspace-api/seccomp_filter.html; the numbers are those of
linux/filter.h, linux/seccomp.h, linux/audit.h.
"""

import ctypes
import errno
import os
import struct
from collections.abc import Iterable, Sequence

from qmk_runner import kernel
from qmk_runner.sandbox_calls import MACHINES, Machine

_LOAD, _EQUAL, _NOT_LESS, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT, _SECOND_ARGUMENT = 0, 4, 16, 24
_ALLOW, _ERRNO, _KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000
_GET_ACTION_AVAIL, _SET_MODE_FILTER = 2, 1
#: CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET, and CLONE_PARENT, by which a
#: child would not be its parent's. linux/sched.h
_CLONE_REFUSED = 0x7E028000
#: F_SETOWN, F_SETSIG, F_SETOWN_EX: the kernel sends a file's owner any signal when there is
#: something to read. linux/fcntl.h, asm-generic/fcntl.h
_FCNTL_REFUSED = (8, 10, 15)
#: FIOSETOWN and SIOCSPGRP, the same for sockets. asm-generic/sockios.h
_IOCTL_REFUSED = (0x8901, 0x8902)
#: From this number on all architectures count alike.
_COMMON = 424
#: close_range, openat2, faccessat2: asked for by today's programs, and governed by Landlock.
_COMMON_ALLOWED = (436, 437, 439)

Instruction = tuple[int, int, int, int]


def available() -> bool:
    """Whether this kernel takes filters, and this module knows the machine."""
    machine = _machine()
    if machine is None:
        return False
    action = struct.pack("=I", _ERRNO)
    try:
        buffer = ctypes.create_string_buffer(action, len(action))
        kernel.call(machine.seccomp, _GET_ACTION_AVAIL, 0, buffer)
    except OSError:
        return False
    return True


def restrict(protected: Iterable[int], *, truncate: bool = True) -> None:
    """Filter the calls of this thread and its descendants, for good. Needs no_new_privs.

    ``protected`` are processes that get no signal by their number, for kernels whose Landlock
    does not see to that; so is ``truncate``, whether files may be cut by their path.

    Raises:
        OSError: the kernel refuses.
    """
    machine = _machine()
    if machine is None:
        raise OSError(errno.ENOSYS, "no system call numbers for this machine")
    program = b"".join(
        struct.pack("=HBBI", *instruction)
        for instruction in instructions(machine, protected, truncate=truncate)
    )
    code = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog: a 16-bit count, and a pointer where the machine aligns one.
    head = struct.pack("@HP", len(program) // 8, ctypes.addressof(code))
    buffer = ctypes.create_string_buffer(head, len(head))
    kernel.call(machine.seccomp, _SET_MODE_FILTER, 0, buffer)


def instructions(
    machine: Machine, protected: Iterable[int], *, truncate: bool = True
) -> list[Instruction]:
    """The filter's program. Each call that is not simply allowed has a block that returns."""
    refused = _answer(errno.EPERM)
    refusals = machine.refused if truncate else (*machine.refused, machine.truncate)
    signals = _refuse_values(_signed(value) for value in (-1, *protected))
    return [
        (_LOAD, 0, 0, _ARCHITECTURE),
        *((_EQUAL, 1, 0, machine.architecture), (_RETURN, 0, 0, _KILL_PROCESS)),
        (_LOAD, 0, 0, _NUMBER),
        *_common(),
        *(item for number in refusals for item in _block(number, [refused])),
        # As if done: programs set modes by path as a courtesy, and fail where they cannot. By
        # an open file they can; by path they could change files that Landlock keeps closed.
        *(item for number in machine.ignored for item in _block(number, [_answer(0)])),
        *(item for number in machine.signals for item in _block(number, signals)),
        *_block(machine.fcntl, _refuse_values(_FCNTL_REFUSED, _SECOND_ARGUMENT)),
        *_block(machine.ioctl, _refuse_values(_IOCTL_REFUSED, _SECOND_ARGUMENT)),
        *_block(machine.clone, [*_argument(), (_ANY_BIT, 0, 1, _CLONE_REFUSED), refused, _allow()]),
        # Limits of this process itself, which is called 0; not those of others.
        *_block(machine.prlimit, [*_argument(), (_EQUAL, 1, 0, 0), refused, _allow()]),
        _allow(),
    ]


def _common() -> list[Instruction]:
    """Also whatever has bit 30: x86-64's calls for 32-bit pointers, a table of its own."""
    allowed = [(_EQUAL, len(_COMMON_ALLOWED) - i, 0, n) for i, n in enumerate(_COMMON_ALLOWED)]
    return [
        (_NOT_LESS, 0, len(allowed) + 2, _COMMON),
        *allowed,
        _answer(errno.ENOSYS),
        _allow(),
    ]


def _block(number: int, body: Sequence[Instruction]) -> list[Instruction]:
    return [(_EQUAL, 0, len(body), number), *body]


def _refuse_values(values: Iterable[int], argument: int = _FIRST_ARGUMENT) -> list[Instruction]:
    refusals = [item for value in values for item in _block(value, [_answer(errno.EPERM)])]
    return [*_argument(argument), *refusals, _allow()]


def _argument(offset: int = _FIRST_ARGUMENT) -> list[Instruction]:
    # The lower half is all that counts of a pid_t, of clone's flags and of what fcntl and ioctl
    # are to do; both machines keep it first.
    return [(_LOAD, 0, 0, offset)]


def _allow() -> Instruction:
    return (_RETURN, 0, 0, _ALLOW)


def _answer(number: int) -> Instruction:
    return (_RETURN, 0, 0, _ERRNO | number)


def _signed(value: int) -> int:
    return value & 0xFFFFFFFF


def _machine() -> Machine | None:
    return MACHINES.get(os.uname().machine)
