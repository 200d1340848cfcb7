"""The properties of a file that decide whether it has changed, as signed 64-bit integers: what SQLite stores.

A file system may report any value: a clock that is wrong by centuries, an inode number of 64 bits without a sign. The
mapping of these is fixed, so that a file with such a value is unchanged in the next run:

sizes               limited to 0 .. 2**63 - 1
times               limited to -2**63 .. 2**63 - 1: a time after 2262-04-11 is stored as that moment
inodes, devices     taken modulo 2**64, as signed: two different numbers stay different
"""

from __future__ import annotations

import os

LOWEST, HIGHEST = -(1 << 63), (1 << 63) - 1


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
