"""Write access to an index: the lock, the checks before, the catalogue, and its checksums at the end."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field

from mmsearch.errors import DamagedIndex, IndexUnusable
from mmsearch.index_status import FindingState
from mmsearch.store import ann, sums
from mmsearch.store.catalogue import check_present, checkpoint, open_writer, translate_sqlite_errors
from mmsearch.store.check import findings
from mmsearch.store.layout import IndexFolder
from mmsearch.store.lock import writer_lock
from mmsearch.store.log import lost_commits
from mmsearch.store.meta import commits

_LEFT_BY_KILLS = ("No left-over files lie in the index folder", "No asset is left that no file has")


@dataclass(slots=True)
class Writer:
    """An open catalogue, and notes on what was damaged in the index and rebuilt."""

    connection: sqlite3.Connection
    notes: list[str] = field(default_factory=list)
    lost_commits: int = 0  # of the last run, whose log was deleted or damaged
    sound: bool = True  # else its bytes are not taken for right at the end


@contextlib.contextmanager
def writing(folder: IndexFolder, command: str, wait_s: float = 0.0, heal: bool = True) -> Iterator[Writer]:
    """Hold the writer lock and the catalogue, checked and, with `heal`, repaired; on exit the log is moved into the
    catalogue and the checksums are written.

    Raises `LockHeld`, `DamagedIndex`, `NewerSchema`, `IndexUnusable`.
    """
    with writer_lock(folder, command, wait_s):
        folder.check(writing=True)
        check_present(folder)
        known, sure, notes = _checked_sums(folder)
        lost = lost_commits(folder)
        connection = open_writer(folder, values=heal)
        writer = Writer(connection, notes)
        try:
            lost = max(lost, (known.commits if known is not None else 0) - commits(connection))
            if lost > 0:
                writer.lost_commits = lost
                notes.append(
                    f"The log of the last run was deleted, cut or damaged: {lost} of its commits are lost. Files of the"
                    " folders that the index knows are indexed again; a folder or a rule that was first given in that"
                    " run is not known any more: give it again."
                )
            if known is None and _is_new(connection):
                sums.begin(folder)
            elif heal:
                notes += _healed(folder, connection, known, sure)
            yield writer
        except IndexUnusable:
            writer.sound = False
            raise
        finally:
            _close(folder, writer)


def _checked_sums(folder: IndexFolder) -> tuple[sums.Sums | None, bool, list[str]]:
    """The checksums, compared with the catalogue, and whether the catalogue is as a run on this machine left it: a copy
    or an archive does not keep the stat signature. Raises `DamagedIndex`."""
    if not folder.exists():
        return None, False, []
    try:
        known = sums.read(folder)
    except sums.BadSums:
        folder.sums.unlink(missing_ok=True)
        said = "The checksums of the catalogue were damaged; they are made again, and the catalogue is checked."
        return None, False, [said]
    if known is None or (known.open == set() and not sums.changed(folder, known)):
        return known, known is not None, []
    if bad := sums.damaged_blocks(folder, known):
        raise sums.damage(folder, bad)
    return known, False, []


def _is_new(connection: sqlite3.Connection) -> bool:
    tables = ("runs", "files", "assets", "segments", "embeddings")
    return not any(connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in tables)


def _healed(folder: IndexFolder, connection: sqlite3.Connection, known: sums.Sums | None, sure: bool) -> list[str]:
    """Rebuild derived data that is damaged. Unless the catalogue is surely as a run left it (`sure`), check its
    invariants: those that are checked quickly, and all of them where its bytes have no checksums, since at the end the
    bytes get checksums as they are. Returns a sentence for each repair. Raises `DamagedIndex`."""
    notes = []
    unchecked = known is None or bool(known.unchecked)
    found = () if sure else findings(folder, connection, repair=True, deep=unchecked, summed=not unchecked)
    for finding in found:
        if finding.state == FindingState.BROKEN:
            raise DamagedIndex(f"{finding.invariant}: that does not hold. {finding.sentence}", sums.anew(folder))
        if finding.state == FindingState.REPAIRED and finding.invariant not in _LEFT_BY_KILLS:
            notes.append(f"{finding.invariant}: that did not hold ({finding.sentence.rstrip('.')}); it was made again.")
    with translate_sqlite_errors(folder):
        for name in ann.drop_bad(connection, folder, {} if known is None else known.files):
            notes.append(f"{name} was damaged or missing; it is built again from the catalogue.")
    return notes


def _close(folder: IndexFolder, writer: Writer) -> None:
    """Move the log into the catalogue, close it, and update the checksums. Where a reader keeps the log, or the disk is
    full, the checksums stay open."""
    try:
        with contextlib.suppress(sqlite3.DatabaseError, sqlite3.ProgrammingError):
            checkpoint(writer.connection, folder)
    finally:
        writer.connection.close()
    log = folder.signature(folder.log.name)
    if not writer.sound or not folder.exists() or (log is not None and log[0] > 0):
        return
    with contextlib.suppress(OSError, IndexUnusable):
        try:
            known = sums.read(folder)
        except sums.BadSums:
            known = None
        sums.seal(folder, known)
