"""System calls that Python's own library does not have."""

import ctypes
import os

_PR_SET_NO_NEW_PRIVS = 38  # linux/prctl.h


def call(number: int, *arguments: int | ctypes.Array[ctypes.c_char] | None) -> int:
    """Make a system call by its number, as syscall(2) does.

    Raises:
        OSError: the kernel refused it.
    """
    function = ctypes.CDLL(None, use_errno=True).syscall
    function.restype = ctypes.c_long
    typed = [ctypes.c_long(item) if isinstance(item, int) else item for item in arguments]
    return _checked(int(function(ctypes.c_long(number), *typed)))


def prctl(option: int, value: int) -> None:
    """Change something of this process, see prctl(2).

    Raises:
        OSError: the kernel refused it.
    """
    function = ctypes.CDLL(None, use_errno=True).prctl
    zero = ctypes.c_ulong(0)
    _checked(int(function(option, ctypes.c_ulong(value), zero, zero, zero)))


def gain_no_privileges() -> None:
    """From now on no program gains anything by its file's owner or capabilities."""
    prctl(_PR_SET_NO_NEW_PRIVS, 1)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result
