"""Paths of the command line: files and folders as absolute paths, and the index folder that a command uses."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from mmsearch.errors import UsageError

_LONGEST_SHOWN = 100  # characters of a path in a message about its length


def absolute(path: str | bytes) -> bytes:
    """The absolute path of a command line argument, as bytes. `..` is resolved by name; links are not followed. Raises
    `UsageError` for an empty path."""
    if not path:
        raise UsageError("A path is empty.", "Write `.` for the working directory.")
    return os.path.abspath(os.fsencode(path))


def existing_file(path: str, option: str) -> bytes:
    """The absolute path of a file that exists. Raises `UsageError`."""
    whole = absolute(path)
    if not os.path.isfile(whole):
        problem = "is not a file" if os.path.lexists(whole) else "does not exist"
        raise UsageError(f"{option}: {path} {problem}.", "Check the path.")
    return whole


def index_folder(index: str | None, here: bool = False) -> Path:
    """The index folder that a command uses, from --index and --here.

    Raises `UsageError` for a path that no file system can hold, for the path of a file, and where the working directory
    does not exist; `UntrustedIndex` for an index that was found, not named, and that this user's mmsearch did not make
    at this path.
    """
    from mmsearch import config

    if index is not None and "\0" in index:
        raise UsageError(f"--index can't be {index!r}.", "Leave out the NUL character.")
    try:
        folder = config.index_folder(index, here)
    except FileNotFoundError as error:
        raise UsageError("The working directory does not exist any more.", "Change to another one.") from error
    if problem := _problem(folder):
        path = str(folder) if len(str(folder)) <= _LONGEST_SHOWN else f"{str(folder)[:_LONGEST_SHOWN]}..."
        raise UsageError(f"--index can't be {path}: {problem}.", "Choose another place for the index.")
    if index is None and folder.parent != config.data_home():
        from mmsearch.indexing.adoption import require_own

        require_own(folder, here)
    return folder


def refuse_inside(path: str, index: Path, option: str) -> None:
    """Raise `UsageError` for a file to be written that would be a part of an index, and so replace it."""
    if path != "-" and os.path.realpath(index) in (os.path.realpath(path), os.path.dirname(os.path.realpath(path))):
        raise UsageError(f"{option}: {path} is in the index folder, whose files are its own.", "Choose another place.")


def _problem(folder: Path) -> str:
    """Why a path can't be an index folder; empty where it can, also where nothing exists there yet."""
    try:
        return "" if stat.S_ISDIR(os.stat(folder).st_mode) else "there is a file of that name"
    except OSError as error:
        impossible = error.errno in (errno.ENAMETOOLONG, errno.ENOTDIR, errno.ELOOP)
        return str(error.strerror) if impossible else ""
