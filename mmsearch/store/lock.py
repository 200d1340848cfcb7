"""One writer at a time, by a POSIX record lock: it dies with its process, and forked children do not inherit it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import struct
import sys
import time
from collections.abc import Iterator
from datetime import datetime

from mmsearch.errors import IndexUnusable, LockHeld, StoppedEarly
from mmsearch.store.layout import IndexFolder

_held: set[tuple[int, int]] = set()  # device and inode of the lock files that this process holds


@contextlib.contextmanager
def writer_lock(folder: IndexFolder, command: str, wait_s: float = 0.0) -> Iterator[None]:
    """Hold the index's writer lock. Waits at most `wait_s` seconds (infinity: until it is free).

    Raises `LockHeld` with who holds it since when, `IndexUnusable` as `IndexFolder.check` does for writing. The lock
    file stays: removing it would let two writers in. Its note stays where the writer is killed or its disk is full.
    """
    if _is_ours(folder):
        raise LockHeld("Another run of this process is writing this index.", "Wait for it to end.")
    folder.check(writing=True)
    try:
        descriptor = folder.open_part(folder.lock.name, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise IndexUnusable(
            f"The index folder {folder.path} can't be written ({error.strerror}).",
            "Give yourself the right to write there, or choose another place with --index.",
        ) from error
    try:
        _acquire(descriptor, wait_s)
        holder = {"pid": os.getpid(), "command": command, "since": datetime.now().isoformat(timespec="seconds")}
        note = json.dumps(holder).encode()
        with contextlib.suppress(OSError):  # on a full disk the lock still holds; only its note may be missing
            os.pwrite(descriptor, note, 0)  # before the file is cut: its block is still there on a full disk
            os.ftruncate(descriptor, len(note))
        facts = os.fstat(descriptor)
        own = (facts.st_dev, facts.st_ino)
        _held.add(own)
        stopped = False
        try:
            yield
        except StoppedEarly:
            stopped = True
            raise
        finally:
            _held.discard(own)
            if not stopped:
                with contextlib.suppress(OSError):
                    os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def _is_ours(folder: IndexFolder) -> bool:
    """Whether this process holds the lock. Then the file must not be opened: the kernel would grant the lock a second
    time, and closing any descriptor of the file releases it."""
    with contextlib.suppress(OSError):
        facts = os.lstat(folder.lock)
        return (facts.st_dev, facts.st_ino) in _held
    return False


def _acquire(descriptor: int, wait_s: float) -> None:
    deadline = time.monotonic() + wait_s
    while True:
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except OSError as error:
            if time.monotonic() >= deadline:
                raise LockHeld(
                    f"Another run is writing this index{_holder(descriptor)}.",
                    "Wait for it to end: `mmsearch index --wait` does, and so does `mmsearch forget --wait`.",
                ) from error
        time.sleep(0.2)


def _holder(descriptor: int) -> str:
    note = _note(descriptor)
    return f" ({note})" if note else ""


def _note(descriptor: int) -> str:
    try:
        note = json.loads(os.pread(descriptor, 4096, 0))
        return f"process {note['pid']}, `{note['command']}`, since {note['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def interrupted_writer(folder: IndexFolder) -> tuple[str, float] | None:
    """The command and the start (seconds since 1970) of the last writer, where it was killed or its disk was full; None
    where it ended in order, or holds the lock still."""
    if lock_holder(folder):
        return None
    try:
        descriptor = folder.open_part(folder.lock.name, os.O_RDONLY)
    except (OSError, IndexUnusable):
        return None
    try:
        note = json.loads(os.pread(descriptor, 4096, 0))
        return str(note["command"]), datetime.fromisoformat(note["since"]).timestamp()
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None
    finally:
        os.close(descriptor)


def lock_holder(folder: IndexFolder) -> str:
    """Who holds the writer lock now, as `process 4711, ...`; nothing if it is free.

    Asks the kernel (F_GETLK) without taking the lock: taking it for a moment could fail a writer's start.
    """
    if _is_ours(folder):
        return f"process {os.getpid()} (this one)"
    linux = sys.platform == "linux"
    layout, order = ("hhqqi4x", (0, 1, 2, 3, 4)) if linux else ("qqihh", (3, 4, 0, 1, 2))
    flock: list[int] = [0] * 5
    for field, value in zip(order, (fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0), strict=True):
        flock[field] = value
    with contextlib.suppress(OSError):
        descriptor = folder.open_part(folder.lock.name, os.O_RDONLY)
        try:
            answer = struct.unpack(layout, fcntl.fcntl(descriptor, fcntl.F_GETLK, struct.pack(layout, *flock)))
            if answer[order[0]] != fcntl.F_UNLCK:
                return _note(descriptor) or "another process"
        finally:
            os.close(descriptor)
    return ""
