"""Runs a command under a system call filter: `python network_guard.py COMMAND...`.

The kernel kills every process of the command that makes a socket of another family than AF_UNIX, or an io_uring, which
could make one. So a name look-up or a connection ends the command with SIGSYS. Exit code 99: there is no such filter.
"""

import ctypes
import os
import struct
import sys

from mmsearch.extraction import kernel_restrictions

UNSUPPORTED = 99
AF_UNIX = 1
KILL_PROCESS, ALLOW = 0x80000000, 0x7FFF0000
LOAD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06
NUMBER_AT, ARCHITECTURE_AT, FAMILY_AT = (
    0,
    4,
    16,
)  # in the kernel's struct seccomp_data; the family is the first argument


def install() -> bool:
    """Guard this process and all that it starts; False where that can't be done."""
    known = kernel_restrictions._REFUSED_CALLS.get(os.uname().machine)
    if not sys.platform.startswith("linux") or known is None:
        return False
    architecture, calls = known
    steps = [
        (LOAD, 0, 0, ARCHITECTURE_AT),
        (JUMP_EQUAL, 1, 0, architecture),
        (RETURN, 0, 0, KILL_PROCESS),
        (LOAD, 0, 0, NUMBER_AT),
        (JUMP_EQUAL, 0, 1, calls["io_uring_setup"]),
        (RETURN, 0, 0, KILL_PROCESS),
        (JUMP_EQUAL, 0, 3, calls["socket"]),
        (LOAD, 0, 0, FAMILY_AT),
        (JUMP_EQUAL, 1, 0, AF_UNIX),
        (RETURN, 0, 0, KILL_PROCESS),
        (RETURN, 0, 0, ALLOW),
    ]
    program = b"".join(struct.pack("=HBBI", *step) for step in steps)
    buffer = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))

    if kernel_restrictions._prctl(kernel_restrictions._PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0:
        return False
    given = Program(len(steps), ctypes.cast(buffer, ctypes.c_void_p).value)
    return (
        kernel_restrictions._prctl(
            kernel_restrictions._PR_SET_SECCOMP, kernel_restrictions._SECCOMP_MODE_FILTER, ctypes.byref(given), 0, 0
        )
        == 0
    )


if __name__ == "__main__":
    if not install():
        sys.exit(UNSUPPORTED)
    os.execv(sys.argv[1], sys.argv[1:])
