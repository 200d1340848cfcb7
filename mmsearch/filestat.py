"""Files on disk: opening one safely, and the properties that decide whether it has changed.

The properties are signed 64-bit integers, which SQLite stores. A file system may report any value: a time that is wrong
by centuries, an inode number of 64 bits without a sign. The mapping of these is fixed, so that a file with such a value
is unchanged in the next run:

sizes               limited to 0 .. 2**63 - 1
times               limited to -2**63 .. 2**63 - 1: a time after 2262-04-11 is stored as that moment
inodes, devices     taken modulo 2**64, as signed: two different numbers stay different
"""

from __future__ import annotations

import errno
import os
import stat

LOWEST, HIGHEST = -(1 << 63), (1 << 63) - 1


class NotRegularFile(OSError):
    """A path that names a folder, a device, a FIFO or a socket."""


def open_regular(path: bytes) -> int:
    """A descriptor of a regular file, open for reading; the caller closes it.

    Raises `OSError` (`ELOOP`) for a symbolic link, `NotRegularFile` for a special file, `OSError` for what can't be
    opened. `O_NONBLOCK` keeps the call from waiting at a FIFO."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotRegularFile(errno.EINVAL, "it is no file any more")
    return descriptor


def stat_values(facts: os.stat_result) -> tuple[int, int, int, int]:
    """Size, modification time, inode and change time of a file, the times in nanoseconds since 1970."""
    size, mtime_ns, inode, ctime_ns = facts.st_size, facts.st_mtime_ns, facts.st_ino, facts.st_ctime_ns
    if (
        LOWEST <= mtime_ns <= HIGHEST
        and LOWEST <= ctime_ns <= HIGHEST
        and LOWEST <= inode <= HIGHEST
        and 0 <= size <= HIGHEST
    ):
        return size, mtime_ns, inode, ctime_ns
    return max(limited(size), 0), limited(mtime_ns), wrapped(inode), limited(ctime_ns)


def limited(value: int) -> int:
    """The nearest signed 64-bit integer."""
    return max(LOWEST, min(value, HIGHEST))


def wrapped(value: int) -> int:
    """The signed 64-bit integer with the same lower 64 bits."""
    return (value - LOWEST) % (1 << 64) + LOWEST
