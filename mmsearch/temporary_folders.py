"""Temporary folders that are removed however the process ends.

A command that a signal ends does not come to the end of its `with` blocks: `remove_all` is then called. What SIGKILL
leaves behind, the next temporary folder removes: a folder is in use as long as a process holds a lock on it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

PREFIX = "mmsearch-temporary-"
MARK = ".mmsearch-temporary"  # a file in each, so that no folder of another program or the user's own is removed
LOCKED_S = 60.0  # after which a new folder surely has its lock

_folders: dict[str, int] = {}  # of this process, with the file descriptor that holds the lock
_owner = os.getpid()


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    """A new folder for this process, mode 0700, removed at the end of the context. Raises `OSError`."""
    global _owner
    if _owner != os.getpid():  # a fork: the folders are its parent's
        _folders.clear()
        _owner = os.getpid()
    _remove_abandoned()
    name = tempfile.mkdtemp(prefix=PREFIX)
    try:
        _folders[name] = _locked(name)
        (Path(name) / MARK).touch(0o600)
        yield Path(name)
    finally:
        _remove(name)


def remove_all() -> None:
    """Remove the temporary folders of this process, which is about to end."""
    if _owner == os.getpid():
        for name in list(_folders):
            _remove(name)


def _remove(name: str) -> None:
    shutil.rmtree(name, ignore_errors=True)
    if (lock := _folders.pop(name, None)) is not None:
        os.close(lock)


def _locked(name: str) -> int:
    """A descriptor that holds the lock of a folder. Raises `BlockingIOError` where another process holds it."""
    lock = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        raise
    return lock


def _remove_abandoned() -> None:
    """Remove this user's folders that no process holds any more."""
    with contextlib.suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for entry in entries:
            if not entry.name.startswith(PREFIX) or not entry.is_dir(follow_symlinks=False):
                continue
            with contextlib.suppress(OSError):
                facts = entry.stat(follow_symlinks=False)
                marked = os.path.lexists(os.path.join(entry.path, MARK))
                if marked and facts.st_uid == os.geteuid() and time.time() - facts.st_mtime > LOCKED_S:
                    lock = _locked(entry.path)
                    shutil.rmtree(entry.path, ignore_errors=True)
                    os.close(lock)
