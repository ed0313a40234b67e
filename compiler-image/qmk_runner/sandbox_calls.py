"""Numbers of system calls, by machine: x86-64's asm/unistd_64.h, and asm-generic/unistd.h.

None: the machine has no such call. All of them are below 424.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Machine:
    """What a filter must know of a machine; ``architecture`` is AUDIT_ARCH_… of linux/audit.h.

    ``signals`` take the receiver as their first argument.
    """

    architecture: int
    seccomp: int
    clone: int
    prlimit: int
    fcntl: int
    ioctl: int
    truncate: int
    signals: tuple[int, ...]
    ignored: tuple[int, ...]
    refused: tuple[int, ...]


_Numbers = dict[str, tuple[int | None, int | None]]

#: What no build needs: name, number on x86-64, number on AArch64.
_REFUSED: _Numbers = {
    # Sockets.
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "sendmmsg": (307, 269),
    "recvfrom": (45, 207),
    "recvmsg": (47, 212),
    "recvmmsg": (299, 243),
    # Other processes: their memory, order of turn, place.
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    # A process group of one's own: so that nobody escapes when the build's is killed.
    "setsid": (112, 157),
    "setpgid": (109, 154),
    # Memory and queues that outlive a process, which all containers of a pod share.
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "shmdt": (67, 197),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "semtimedop": (220, 192),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    # Namespaces, mounts, and ways to a file without a path.
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "inotify_init": (253, None),
    "inotify_init1": (294, 26),
    "inotify_add_watch": (254, 27),
    # Owners and attributes.
    "chown": (92, None),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    # Keyrings, and the kernel's large interfaces.
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_setup": (206, 0),
    "io_submit": (209, 2),
    "personality": (135, 92),
    # The machine.
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "syslog": (103, 116),
    "vhangup": (153, 58),
    "lookup_dcookie": (212, 18),
}
_SIGNALS: _Numbers = {
    "kill": (62, 129),
    "tkill": (200, 130),
    "tgkill": (234, 131),
}
_IGNORED: _Numbers = {
    "chmod": (90, None),
    "fchmodat": (268, 53),
}
#: What a filter has a word of its own for.
_NAMED: dict[str, tuple[int, int]] = {
    "seccomp": (317, 277),
    "clone": (56, 220),
    "prlimit64": (302, 261),
    "fcntl": (72, 25),
    "ioctl": (16, 29),
    "truncate": (76, 45),
}


def _machine(column: int, architecture: int) -> Machine:
    def numbers(table: _Numbers) -> tuple[int, ...]:
        return tuple(number for row in table.values() if (number := row[column]) is not None)

    return Machine(
        architecture=architecture,
        seccomp=_NAMED["seccomp"][column],
        clone=_NAMED["clone"][column],
        prlimit=_NAMED["prlimit64"][column],
        fcntl=_NAMED["fcntl"][column],
        ioctl=_NAMED["ioctl"][column],
        truncate=_NAMED["truncate"][column],
        signals=numbers(_SIGNALS),
        ignored=numbers(_IGNORED),
        refused=numbers(_REFUSED),
    )


#: By the name that uname(2) gives a machine.
MACHINES = {"x86_64": _machine(0, 0xC000003E), "aarch64": _machine(1, 0xC00000B7)}
