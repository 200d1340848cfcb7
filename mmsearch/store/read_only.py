"""Connections that only read a catalogue, and leave no file beside one that is not the user's own."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import TypeVar

from mmsearch import trust
from mmsearch.errors import DamagedIndex, IndexUnusable, UsageError
from mmsearch.store import sums
from mmsearch.store.layout import IndexFolder
from mmsearch.store.lock import lock_holder
from mmsearch.temporary_folders import temporary_folder

NO_ROOM = ("SQLITE_IOERR_SHMOPEN", "SQLITE_IOERR_SHMSIZE")  # for the shared memory beside a catalogue
_BUSY_S = 30.0
_BLOCK = 1 << 20  # bytes
_Connection = TypeVar("_Connection", bound=sqlite3.Connection)
_LARGEST_COPY = 4 << 30  # bytes of a catalogue and its log together


class _OwnReader(sqlite3.Connection):
    """A connection to a catalogue of the user's own, in whose folder SQLite may keep its files."""

    folder: IndexFolder | None = None

    def close(self) -> None:
        """Close the connection. SQLite removes an empty log and its shared memory when the last connection that may
        write closes; readers may not, so one that may is closed after this one. It writes nothing: a log with commits
        stays for the next run, since only a run marks what it moves into the catalogue."""
        folder, self.folder = self.folder, None
        last = None
        if folder is not None and folder.signature(folder.log.name) is not None and not _has_unread_log(folder):
            with contextlib.suppress(sqlite3.Error):
                last = _checked(_opened(folder.catalogue, sqlite3.Connection, "rw"))
        if (
            folder is not None and last is not None and _has_unread_log(folder)
        ):  # of a run that has begun: closed first, it leaves the log
            last.close()
            last = None
        super().close()
        if last is not None:
            last.close()


def connected(folder: IndexFolder) -> sqlite3.Connection:
    """A connection that reads the catalogue, checked to be one that SQLite can read.

    SQLite keeps a log and its shared memory beside a database that it reads. In a folder where this user's mmsearch
    made or adopted an index they are welcome, and beside a run they are there already. Anything else, and an index on
    a full disk, is opened as immutable, which makes no files; a log that a run has left there is then read from a copy
    in the temporary folder.

    Raises `sqlite3.Error`, `OSError`; `DamagedIndex` for a read-only medium with a log, `IndexUnusable` for an index
    that is too large to be copied.
    """
    if not _is_made_here(folder) and not lock_holder(folder):
        return _copied(folder) if _has_unread_log(folder) else _checked(_immutable(folder.catalogue))
    connection = _opened(folder.catalogue, _OwnReader)
    try:
        connection = _checked(connection)
        connection.folder = folder
        return connection
    except sqlite3.OperationalError as error:
        code = getattr(error, "sqlite_errorname", None) or ""
        if code in NO_ROOM and not lock_holder(folder):  # a full disk hinders no reader
            return _copied(folder) if _has_unread_log(folder) else _checked(_immutable(folder.catalogue))
        if not code.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY")):
            raise
    if _has_unread_log(folder):
        raise DamagedIndex(
            f"The index {folder.path} is on a read-only medium and its last run was not completed there.",
            "Copy the folder to a place where you can write, and query it there.",
        )
    return _checked(_immutable(folder.catalogue))


def _opened(catalogue: Path, factory: type[_Connection], mode: str = "ro") -> _Connection:
    uri = f"{catalogue.absolute().as_uri()}?mode={mode}"
    return sqlite3.connect(
        uri, uri=True, isolation_level=None, timeout=_BUSY_S, check_same_thread=False, factory=factory
    )


def _immutable(catalogue: Path) -> sqlite3.Connection:
    return _opened(catalogue, sqlite3.Connection, "ro&immutable=1")


def _checked(connection: _Connection) -> _Connection:
    """The connection after its first read, with which SQLite opens the files; closed where that fails."""
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _is_made_here(folder: IndexFolder) -> bool:
    """Whether this user's mmsearch made or adopted an index at this path, or the path is in the user's data folder."""
    try:
        return trust.in_data_home(folder.path) or trust.is_registered(folder.path)
    except UsageError:  # the record of trust is damaged, or there is no home
        return False


def _has_unread_log(folder: IndexFolder) -> bool:
    log = folder.signature(folder.log.name)
    return log is not None and log[0] > 0


def _copied(folder: IndexFolder) -> sqlite3.Connection:
    """A connection to a copy of the catalogue and its log. The copy has no name any more when this returns: it goes
    with the connection."""
    parts = (folder.catalogue, folder.log)
    size = sum((folder.signature(part.name) or (0,))[0] for part in parts)
    if size > _LARGEST_COPY:
        raise IndexUnusable(
            f"The index {folder.path} is not yours, and its last run was not completed: to read it without writing"
            f" there, {size >> 30} GB would have to be copied.",
            f"Adopt the index, if you know where it is from: mmsearch trust {folder.path}",
        )
    with temporary_folder() as name:
        with sums.opened(folder) as catalogue:
            _copy(catalogue, name / folder.catalogue.name)
        log = folder.open_part(folder.log.name, os.O_RDONLY)
        try:
            _copy(log, name / folder.log.name)
        finally:
            os.close(log)
        return _checked(_opened(name / folder.catalogue.name, sqlite3.Connection))


def _copy(source: int, target: Path) -> None:
    with target.open("xb") as file:
        at = 0
        while block := os.pread(source, _BLOCK, at):
            at += file.write(block)
            if at > _LARGEST_COPY:  # it grows as it is read
                break
