"""The user's own notes of large catalogues that were found as they were written.

A catalogue whose stat signature is the one in its checksums need not be summed. A copied index has other inodes and
times, so every query would sum all of it again until the next run. A note in the user's cache folder says that the very
file, by device, inode, size, modification and change time, was summed against the very file of checksums and found
right. What changes the bytes also changes the change time, which no program can put back.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import time
from pathlib import Path

from mmsearch.config import cache_home
from mmsearch.errors import UsageError
from mmsearch.store.layout import IndexFolder

SMALLEST = 32 << 20  # bytes; a smaller catalogue is summed in less than 0.1 s
_SETTLED_NS = 2_000_000_000  # a file that changed within the last two seconds could change again at the same time
_UNUSED_S = 90 * 86400.0  # after which a note goes


def note_of(folder: IndexFolder) -> Path | None:
    """Where the note of a catalogue as it is now would lie; None where it gets none."""
    try:
        facts, checksums = os.lstat(folder.catalogue), os.lstat(folder.sums)
        newest = max(facts.st_ctime_ns, checksums.st_ctime_ns)
        if facts.st_size < SMALLEST or time.time_ns() - newest < _SETTLED_NS:
            return None
        key = [[one.st_dev, one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns] for one in (facts, checksums)]
        return cache_home() / "sums" / hashlib.sha256(json.dumps(key).encode()).hexdigest()
    except (OSError, UsageError):
        return None


def is_noted(note: Path | None) -> bool:
    """Whether there is a note, in a folder that nobody but the user can write to."""
    if note is None:
        return False
    try:
        place, found = os.lstat(note.parent), os.lstat(note)
    except OSError:
        return False
    private = stat.S_ISDIR(place.st_mode) and not place.st_mode & 0o022
    return private and stat.S_ISREG(found.st_mode) and {place.st_uid, found.st_uid} == {os.geteuid()}


def put_note(note: Path | None) -> None:
    """Write a note and remove those that are older than 90 days. A cache that can't be written gets none."""
    if note is None:
        return
    with contextlib.suppress(OSError):
        note.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(note, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
        for other in os.scandir(note.parent):
            if time.time() - other.stat(follow_symlinks=False).st_mtime > _UNUSED_S:
                os.unlink(other.path)
