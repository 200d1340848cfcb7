"""Kernel restrictions of a worker on Linux: a filter of system calls (seccomp) and of file access (Landlock).

Both need no privileges, are inherited by every process that the worker starts, and can't be lifted. Numbers and
structures are the kernel's stable interface (`linux/seccomp.h`, `linux/filter.h`, `linux/landlock.h`, the system call
tables of x86_64 and aarch64). Every function returns whether the restriction is in force; none raises.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys

_PR_SET_NO_NEW_PRIVS = 38
_PR_SET_SECCOMP = 22
_SECCOMP_MODE_FILTER = 2
_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_EPERM = 1

# AUDIT_ARCH value, and the calls that no decoder needs. No sockets at all: a Unix socket reaches the agents of the
# user, and io_uring opens sockets past this filter. The other calls read or control other processes (the main one holds
# the catalogue open), or have often been exploited.
_REFUSED_CALLS = {
    "x86_64": (
        0xC000003E,
        {
            "socket": 41,
            "ptrace": 101,
            "mount": 165,
            "add_key": 248,
            "request_key": 249,
            "keyctl": 250,
            "unshare": 272,
            "perf_event_open": 298,
            "setns": 308,
            "process_vm_readv": 310,
            "process_vm_writev": 311,
            "bpf": 321,
            "userfaultfd": 323,
            "io_uring_setup": 425,
            "pidfd_getfd": 438,
        },
    ),
    "aarch64": (
        0xC00000B7,
        {
            "mount": 40,
            "unshare": 97,
            "ptrace": 117,
            "socket": 198,
            "add_key": 217,
            "request_key": 218,
            "keyctl": 219,
            "perf_event_open": 241,
            "setns": 268,
            "process_vm_readv": 270,
            "process_vm_writev": 271,
            "bpf": 280,
            "userfaultfd": 282,
            "io_uring_setup": 425,
            "pidfd_getfd": 438,
        },
    ),
}

_LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 444, 445, 446
_WRITE_FILE = 1 << 1
_TRUNCATE = 1 << 14  # since version 3
_CHANGES = 0b1_1111_1111_0000  # remove and make files, folders, devices, sockets, links
_REFER = 1 << 13  # since version 2
_SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS = 0b11  # since version 6


def _call(number: int, *arguments: object) -> int:
    return int(ctypes.CDLL(None, use_errno=True).syscall(ctypes.c_long(number), *arguments))


def _prctl(option: int, *arguments: object) -> int:
    return int(ctypes.CDLL(None, use_errno=True).prctl(option, *arguments))


def refuse_calls() -> bool:
    """Make the calls above fail with EPERM from now on, in this process and all that it starts."""
    known = _REFUSED_CALLS.get(os.uname().machine)
    if not sys.platform.startswith("linux") or known is None or struct.calcsize("P") != 8:
        return False
    architecture, calls = known
    program = _filter(architecture, list(calls.values()))
    buffer = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    if _prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    pointer = Program(len(program) // 8, ctypes.cast(buffer, ctypes.c_void_p).value)
    return _prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(pointer), 0, 0) == 0


def _filter(architecture: int, refused: list[int]) -> bytes:
    """The classic BPF program that refuses calls of another architecture, the x32 numbering of x86, and the listed
    calls."""
    load, jump_equal, jump_at_least, return_value = 0x20, 0x15, 0x35, 0x06
    allow, refuse = 0x7FFF0000, 0x00050000 | _EPERM
    steps = [(load, 0, 0, 4), (jump_equal, 1, 0, architecture), (return_value, 0, 0, refuse)]
    steps += [(load, 0, 0, 0), (jump_at_least, 0, 1, 0x40000000), (return_value, 0, 0, refuse)]
    for number in refused:
        steps += [(jump_equal, 0, 1, number), (return_value, 0, 0, refuse)]
    steps.append((return_value, 0, 0, allow))
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def refuse_writes() -> bool:
    """Refuse from now on to write, make, rename or remove anything on any file system; only `/dev/null` can be written.
    With Linux 6.12 and newer no other process can be signalled either."""
    if not sys.platform.startswith("linux"):
        return False
    version = _call(_LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    if version < 1:
        return False
    handled = _WRITE_FILE | _CHANGES | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    attributes = struct.pack("=Q", handled)
    if version >= 6:
        attributes = struct.pack("=QQQ", handled, 0, _SCOPE_ABSTRACT_SOCKETS_AND_SIGNALS)
    ruleset = _call(_LANDLOCK_CREATE_RULESET, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    if ruleset < 0:
        return False
    null = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    try:
        writing = _WRITE_FILE | (_TRUNCATE if version >= 3 else 0)
        rule = struct.pack("=Qi", writing, null)
        if _call(_LANDLOCK_ADD_RULE, ruleset, ctypes.c_int(1), rule, ctypes.c_uint32(0)) != 0:
            return False
        if _prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
            return False
        return _call(_LANDLOCK_RESTRICT_SELF, ruleset, ctypes.c_uint32(0)) == 0
    finally:
        os.close(null)
        os.close(ruleset)


def leave_network() -> bool:
    """Move this process into a network namespace without any interface: for machines without the filter above."""
    if not sys.platform.startswith("linux"):
        return False
    library = ctypes.CDLL(None, use_errno=True)
    result: bool = library.unshare(_CLONE_NEWNET) == 0 or library.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) == 0
    return result
