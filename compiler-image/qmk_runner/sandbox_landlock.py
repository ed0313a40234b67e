"""Landlock: which files a process and its descendants can reach.

Numbers are those of linux/landlock.h, explained in
https://docs.kernel.org/userspace-api/landlock.html. The kernel says up to which version of its
interface (ABI) it goes, and is asked for no right that is newer.
"""

import contextlib
import ctypes
import errno
import os
import stat
import struct
from collections.abc import Iterable
from enum import IntFlag
from pathlib import Path

from qmk_runner import kernel

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_CREATE_RULESET_VERSION = 1
_RULE_PATH_BENEATH = 1
#: bind and connect of TCP, all that the kernel knows of; since ABI 4.
_NET_RIGHTS = 0b11
#: Abstract unix sockets and signals of processes outside; since ABI 6.
_SCOPES = 0b11
_SCOPE_ABI = 6
#: From this ABI on, truncate(2) needs a right of its own; before, it is free for every file.
TRUNCATE_ABI = 3


class Right(IntFlag):
    """What may be done with files below a path."""

    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15


_FILE_RIGHTS = Right.EXECUTE | Right.WRITE_FILE | Right.READ_FILE | Right.TRUNCATE | Right.IOCTL_DEV
_DEVICES = Right.MAKE_CHAR | Right.MAKE_BLOCK | Right.MAKE_SOCK | Right.IOCTL_DEV

RUN = Right.READ_FILE | Right.READ_DIR | Right.EXECUTE
#: Everything but to make devices and sockets.
WRITE = ~_DEVICES


def abi() -> int:
    """The newest version of the interface that this kernel has whole; 0: there is no Landlock."""
    try:
        version = kernel.call(_CREATE_RULESET, None, 0, _CREATE_RULESET_VERSION)
    except OSError:
        # ENOSYS: not built in, or a kernel in user space. EOPNOTSUPP: switched off at boot.
        # EPERM: a container runtime that does not know it.
        return 0
    if version < _SCOPE_ABI:
        return version
    try:
        os.close(_ruleset(version))
    except OSError as error:
        # Enterprise kernels were seen that name this version without all that belongs to it.
        return _SCOPE_ABI - 1 if error.errno == errno.EINVAL else version
    return version


def restrict(grants: Iterable[tuple[Path, Right]]) -> int:
    """Take every right but these from this thread and its descendants, for good.

    Paths that don't exist are passed over. Needs no_new_privs. Returns the ABI in force.

    Raises:
        OSError: the kernel refuses.
    """
    version = abi()
    ruleset = _ruleset(version)
    try:
        for path, rights in grants:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                _add(ruleset, path, rights & _known(version))
        kernel.call(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)
    return version


def _known(version: int) -> Right:
    newest = {1: Right.MAKE_SYM, 2: Right.REFER, 3: Right.TRUNCATE, 4: Right.TRUNCATE}
    return Right((newest.get(version, Right.IOCTL_DEV) << 1) - 1)


def _ruleset(version: int) -> int:
    net = _NET_RIGHTS if version >= 4 else 0
    scopes = _SCOPES if version >= _SCOPE_ABI else 0
    attributes = struct.pack("=QQQ", _known(version), net, scopes)
    buffer = ctypes.create_string_buffer(attributes, len(attributes))
    return kernel.call(_CREATE_RULESET, buffer, len(attributes), 0)


def _add(ruleset: int, path: Path, rights: Right) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            rights &= _FILE_RIGHTS
        rule = struct.pack("=Qi", rights, descriptor)
        buffer = ctypes.create_string_buffer(rule, len(rule))
        kernel.call(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, buffer, 0)
    finally:
        os.close(descriptor)
