"""A filter of system calls for the sandbox, as the bytes that bubblewrap loads: what student code has no business with.

Namespaces of one's own (in them, limits on files could be escaped), looking into other processes, memory that belongs to no process and
so escapes every count, keyrings as a store, and the doors to the kernel through which sandboxes were left in the past.
"""

from __future__ import annotations

import platform
import struct

__all__ = ["filter_program"]

ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
#: name -> number on x86-64, on arm64. Refused with EPERM.
REFUSED = {
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "pidfd_getfd": (438, 438), "kcmp": (312, 272),
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51),
    "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432),
    "mount_setattr": (442, 442), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "memfd_create": (319, 279), "memfd_secret": (447, 447),
    "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186), "mq_open": (240, 180),
    "kexec_load": (246, 104), "init_module": (175, 105), "finit_module": (313, 273), "delete_module": (176, 106),
    "swapon": (167, 224), "reboot": (169, 142), "acct": (163, 89), "quotactl": (179, 60), "syslog": (103, 116),
}  # fmt: skip
CLONE, CLONE3, SOCKET = (56, 220), (435, 435), (41, 198)
NAMESPACES = 0x7E020000  # any CLONE_NEW* flag
FAMILIES = (1, 2, 10)  # local, IPv4, IPv6: there is no network, but a class of one's own may want to open a socket to itself

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06  # BPF_LD|W|ABS, JMP|JEQ|K, JMP|JGE|K, JMP|JSET|K, RET|K
ALLOW, KILL, ERROR = 0x7FFF0000, 0x80000000, 0x00050000
EPERM, ENOSYS, EAFNOSUPPORT = 1, 38, 97


def filter_program(machine: str | None = None) -> bytes | None:
    """The program as an array of ``struct sock_filter``; None where the processor is not known.

    >>> len(filter_program("x86_64")) % 8, filter_program("pdp11")
    (0, None)
    """
    if (machine or platform.machine()) not in ARCHITECTURES:
        return None
    architecture, column = ARCHITECTURES[machine or platform.machine()]
    lines: list[tuple[int, int, int, int]] = [
        (_LOAD, 0, 0, 4),
        (_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, KILL),  # the numbers mean other calls there
        (_LOAD, 0, 0, 0),
    ]
    if column == 0:
        lines += [(_AT_LEAST, 0, 1, 0x40000000), (_RETURN, 0, 0, KILL)]  # x32: the same kernel by other numbers
    for numbers in REFUSED.values():
        lines += [(_EQUAL, 0, 1, numbers[column]), (_RETURN, 0, 0, ERROR | EPERM)]
    lines += [(_EQUAL, 0, 1, CLONE3[column]), (_RETURN, 0, 0, ERROR | ENOSYS)]  # its flags are out of reach; libraries then use clone
    lines += [(_EQUAL, 0, 3, CLONE[column]), (_LOAD, 0, 0, 16), (_ANY_BIT, 0, 1, NAMESPACES), (_RETURN, 0, 0, ERROR | EPERM)]
    lines += [(_LOAD, 0, 0, 0), (_EQUAL, 0, 2 + len(FAMILIES), SOCKET[column]), (_LOAD, 0, 0, 16)]
    lines += [(_EQUAL, len(FAMILIES) - i, 0, family) for i, family in enumerate(FAMILIES)]
    lines += [(_RETURN, 0, 0, ERROR | EAFNOSUPPORT), (_RETURN, 0, 0, ALLOW)]
    return b"".join(struct.pack("<HBBI", *line) for line in lines)
