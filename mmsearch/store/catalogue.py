"""The catalogue: its connections, for one writer or for readers, its transactions and its errors."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import sys
import traceback
from collections.abc import Iterator

from mmsearch.config import index_command
from mmsearch.errors import DamagedIndex, IndexUnusable, LockHeld, NoIndex, StoppedEarly
from mmsearch.store import rows, schema, schema_check, sums
from mmsearch.store.layout import IndexFolder
from mmsearch.store.lock import lock_holder
from mmsearch.store.meta import count_commit, is_own, set_meta
from mmsearch.store.read_only import NO_ROOM, connected
from mmsearch.trust import new_id


class BadRow(ValueError):
    """A row that no version of mmsearch writes; `translate_sqlite_errors` reports damage."""


# Our statements are fixed, so an error in one (SQLITE_ERROR) means that the tables are not as they should be.
_DAMAGE = (
    "SQLITE_CORRUPT",
    "SQLITE_TOOBIG",
    "SQLITE_MISMATCH",
    "SQLITE_NOTADB",
    "SQLITE_IOERR",
    "SQLITE_FORMAT",
    "SQLITE_ERROR",
)
_BUSY_S = 30.0  # a reader's checkpoint can hold a writer up for less than a second, never for this long
_LOG_BYTES = 1 << 24  # a log that has grown by as much is moved into the catalogue
_LARGEST_VALUE = 1 << 26  # bytes of a value or a row: what we write is far below
_LARGEST_SQL = 1 << 20


@contextlib.contextmanager
def translate_sqlite_errors(folder: IndexFolder) -> Iterator[None]:
    """Translate SQLite's errors: a full disk into `StoppedEarly`, damage into `DamagedIndex`."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorname", "") or ""
        if code.startswith(("SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_FSYNC", *NO_ROOM)):
            raise StoppedEarly(
                f"The disk that holds {folder.path} is full; what was committed is kept.",
                "Make room and run the same command again: it goes on from here.",
            ) from error
        if code.startswith(("SQLITE_READONLY", "SQLITE_PERM", "SQLITE_CANTOPEN", "SQLITE_AUTH")):
            raise IndexUnusable(
                f"The index {folder.path} can't be written ({error}).",
                "Give yourself the right to write there, or choose another place with --index.",
            ) from error
        if code.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise LockHeld(
                f"Another program keeps the catalogue of {folder.path} locked.",
                "Try again when it has closed it.",
            ) from error
        undecodable = isinstance(error, sqlite3.OperationalError) and not code  # Python's own complaint about a row
        if (undecodable or code.startswith(_DAMAGE)) and not str(error).startswith("fts5: syntax error"):
            raise _damaged(folder, error) from error
        of_fts = str(error) == "constraint failed"  # our own tables are named in such an error
        if code.startswith("SQLITE_CONSTRAINT") and (of_fts or not _is_sound(folder)):
            raise _damaged(folder, error) from error
        raise
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError, MemoryError) as error:
        decoding = isinstance(error, UnicodeDecodeError | json.JSONDecodeError) and _is_from_store(error)
        if not decoding and not isinstance(error, BadRow) and _is_sound(folder):
            raise
        raise _damaged(folder, error) from error


def _is_from_store(error: Exception) -> bool:
    """Whether a decoding error is one of a row, or of SQLite's message about damage: the innermost frame of the package
    is in `store`. Settings and records of the user's are decoded by other parts."""
    inner = ""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        name = str(frame.f_globals.get("__name__", ""))
        inner = name if name.startswith("mmsearch.") else inner
    return inner.startswith("mmsearch.store.")


def _damaged(folder: IndexFolder, error: Exception) -> DamagedIndex:
    told = (str(error) or type(error).__name__).splitlines()[0]
    return DamagedIndex(f"The catalogue of {folder.path} is damaged ({told}).", sums.anew(folder))


def _is_sound(folder: IndexFolder) -> bool:
    """Whether pages and values are valid: then an unexpected error is a bug of mmsearch."""
    try:
        with contextlib.closing(connected(folder)) as one:
            _harden(one)
            return one.execute("PRAGMA quick_check(1)").fetchone()[0] == "ok" and not any(rows.odd(one))
    except (sqlite3.Error, OSError, UnicodeDecodeError, IndexUnusable):
        return False


def open_writer(folder: IndexFolder, values: bool = True) -> sqlite3.Connection:
    """The catalogue for writing, made if there is none, and of the newest schema. The caller holds the writer lock.

    Autocommit mode: transactions are begun by `transaction`. With `values`, those of the small tables are checked.
    Raises `NewerSchema`, `DamagedIndex`, `IndexUnusable`.
    """
    folder.check(writing=True)
    check_present(folder)
    with translate_sqlite_errors(folder):
        connection = sqlite3.connect(folder.catalogue, isolation_level=None, timeout=_BUSY_S)
        with closed_on_error(connection):
            _harden(connection)
            folder.check(writing=True)  # SQLite opens the file with the first statement
            _check_wal_mode(folder)
            fresh = _is_empty(connection)
            if fresh:
                connection.execute("PRAGMA journal_mode = OFF")  # or the next line makes a rollback journal
            else:
                _check_ours(connection, folder)  # before another program's file is written to
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA cache_size = -65536")
            connection.execute("PRAGMA wal_autocheckpoint = 0")  # see `checkpoint`
            if fresh:
                schema.create(connection)
                set_meta(connection, "id", new_id())
                os.chmod(folder.catalogue, 0o600)
            else:
                schema.migrate(connection)
                if values:
                    _check_values(connection, folder, rows.SMALL)
        return connection


def open_reader(folder: IndexFolder, values: bool = True) -> sqlite3.Connection:
    """The catalogue for reading, as `connected` opens it: a query never writes. Several threads may use the connection,
    one at a time. With `values`, those of the small tables are checked, and those of the large ones too where checksums
    do not tell that no byte has changed, or where the index is not the user's own.

    Raises `NoIndex`, `NewerSchema`, `DamagedIndex`.
    """
    nothing = NoIndex(f"There is no index at {folder.path}.", f"Build one: {index_command(folder.path)}")
    folder.check()
    check_present(folder)
    if not folder.exists():
        raise nothing
    _check_wal_mode(folder)
    sums.check_reader(folder)
    before = folder.identity()
    with translate_sqlite_errors(folder):
        connection = connected(folder)
        with closed_on_error(connection):
            folder.check()
            if folder.identity() != before:
                raise DamagedIndex(f"{folder.catalogue} was replaced while it was opened.", "Run the command again.")
            _harden(connection)
            connection.execute("PRAGMA temp_store = MEMORY")  # filters are temporary tables; the file is open read-only
            if folder.owner() == os.geteuid():  # a file that another user cuts would end this process
                connection.execute("PRAGMA mmap_size = 1073741824")
            if _is_empty(connection):  # its first run was killed before it had made the tables
                with contextlib.suppress(sums.BadSums):
                    if (known := sums.read(folder)) is not None and known.commits:
                        raise DamagedIndex(
                            f"The catalogue of {folder.path} is empty: its log, with {known.commits} commits of its"
                            " first run, was deleted or damaged.",
                            f"Do them again: {index_command(folder.path)}",
                        )
                raise nothing
            _check_ours(connection, folder)
            if values:
                unchecked = bool(sums.why_unchecked(folder)) and not lock_holder(folder)
                unchecked = unchecked or not is_own(folder, connection)  # who plants an index has its checksums fit
                _check_values(connection, folder, rows.READ if unchecked else rows.SMALL)
            schema.stand_in(connection)
        return connection


def _check_values(connection: sqlite3.Connection, folder: IndexFolder, tables: frozenset[str]) -> None:
    """Raise `DamagedIndex` for a value that no run writes."""
    if said := next(rows.odd(connection, tables), ""):
        raise DamagedIndex(f"The catalogue of {folder.path} is damaged: {said}", sums.anew(folder))


def _check_wal_mode(folder: IndexFolder) -> None:
    """Raise `DamagedIndex` for a database that SQLite would write with a rollback journal."""
    if folder.exists() and not sums.is_in_wal_mode(folder):
        raise DamagedIndex(
            f"{folder.catalogue} is none that mmsearch makes: it is not in WAL mode. It is not used.",
            "Choose another place with --index, or move that file away.",
        )


def check_present(folder: IndexFolder) -> None:
    """Raise `DamagedIndex` where there was an index and its catalogue is gone or empty: it is no new index."""
    found = folder.signature(folder.catalogue.name)
    if (found is None or found[0] == 0) and (remains := folder.remains()):
        raise DamagedIndex(
            f"The catalogue of {folder.path} is {'gone' if found is None else 'empty'}, and {remains[0]} tells that"
            " there was an index.",
            sums.anew(folder),
        )


def _harden(connection: sqlite3.Connection) -> None:
    """Trust nothing in the file: no functions from its schema, no cells beyond a page, no oversized values."""
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LARGEST_VALUE)
    connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, _LARGEST_SQL)
    connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
    connection.setlimit(sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH, 1)
    if sys.version_info >= (3, 12):
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_TRIGGER, False)
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_VIEW, False)


@contextlib.contextmanager
def closed_on_error(connection: sqlite3.Connection) -> Iterator[None]:
    """Close a connection when the block raises."""
    try:
        yield
    except BaseException:
        connection.close()
        raise


def _is_empty(connection: sqlite3.Connection) -> bool:
    return bool(connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0)


def _check_ours(connection: sqlite3.Connection, folder: IndexFolder) -> None:
    version = schema.check_version(connection)
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
        raise NoIndex(f"There is no index at {folder.path} yet.", f"Build one: {index_command(folder.path)}")
    row = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'embeddings'").fetchone()
    if version == 0 or row is None:
        raise DamagedIndex(
            f"{folder.catalogue} is not an index of mmsearch.",
            "Choose another place with --index, or move that file away.",
        )
    if what := schema_check.foreign(connection, version):
        raise DamagedIndex(
            f"The catalogue of {folder.path} is none that mmsearch makes ({what}). It is not used.", sums.anew(folder)
        )


@contextlib.contextmanager
def transaction(connection: sqlite3.Connection, folder: IndexFolder) -> Iterator[None]:
    """A transaction: committed at the end, rolled back on any error."""
    with translate_sqlite_errors(folder):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            number = count_commit(connection)
            connection.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise
        with contextlib.suppress(OSError):  # a full disk, or none there
            sums.note_commits(folder, number)
        log = folder.signature(folder.log.name)
        if log is not None and log[0] >= _LOG_BYTES:
            checkpoint(connection, folder, wait_ms=0)


def checkpoint(connection: sqlite3.Connection, folder: IndexFolder, wait_ms: int = 200) -> None:
    """Move the log into the catalogue and empty it, unless readers prevent it for longer than `wait_ms`: one may
    read for hours, and a log that is not empty does no harm. The blocks that change are marked open before."""
    blocks = sums.logged_blocks(folder)
    if not blocks:
        return
    try:
        sums.mark_open(folder, blocks)
    except OSError:  # a full disk, or none there
        folder.sums.unlink(missing_ok=True)
    connection.execute(f"PRAGMA busy_timeout = {wait_ms}")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.execute(f"PRAGMA busy_timeout = {_BUSY_S * 1000:.0f}")
