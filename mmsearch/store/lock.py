"""One writer at a time, by a POSIX record lock: it dies with its process, and forked children do not inherit it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from datetime import datetime

from mmsearch.errors import IndexUnusable, LockHeld
from mmsearch.store.layout import IndexFolder


@contextlib.contextmanager
def writer_lock(folder: IndexFolder, command: str, wait_s: float = 0.0) -> Iterator[None]:
    """Hold the index's writer lock. Waits at most `wait_s` seconds (infinity: until it is free).

    Raises `LockHeld` with who holds it since when. The lock file stays: removing it would let two writers in.
    """
    try:
        descriptor = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise IndexUnusable(
            f"The index folder {folder.path} can't be written ({error.strerror}).",
            "Give yourself the right to write there, or choose another place with --index.",
        ) from error
    try:
        _acquire(descriptor, wait_s)
        holder = {"pid": os.getpid(), "command": command, "since": datetime.now().isoformat(timespec="seconds")}
        with contextlib.suppress(OSError):  # on a full disk the lock still holds; only its note is missing
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(holder).encode(), 0)
        yield
    finally:
        os.close(descriptor)


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
                    "Wait for it to end, or add --wait to start when it has.",
                ) from error
        time.sleep(0.2)


def _holder(descriptor: int) -> str:
    try:
        note = json.loads(os.pread(descriptor, 4096, 0))
        return f" (process {note['pid']}, `{note['command']}`, since {note['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
