"""`verify`: the bytes of the index are compared with their checksums, then every invariant is checked."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator

from mmsearch.errors import DamagedIndex
from mmsearch.index_status import Finding, FindingState
from mmsearch.store import sums
from mmsearch.store.catalogue import open_reader, translate_sqlite_errors
from mmsearch.store.check import findings
from mmsearch.store.layout import IndexFolder
from mmsearch.store.lock import lock_holder
from mmsearch.store.log import lost_commits
from mmsearch.store.meta import commits
from mmsearch.store.writing import writing

BYTES = "The catalogue's bytes are as they were written"
COMMITS = "Every commit of the last run is there"
_REDO = "Run `mmsearch index`, and give it again what was first given in that run: a folder, or a rule."
_NEXT_RUN = "The next `mmsearch index` checks the catalogue and sums it."


def verify(folder: IndexFolder, repair: bool, deep: bool) -> list[Finding]:
    """Check all invariants; with `repair` rebuild derived data. Raises `NoIndex`, `LockHeld` (with `repair`),
    `DamagedIndex` for an index that can't be opened."""
    folder.check()
    with contextlib.ExitStack() as held:
        if repair:
            open_reader(folder, values=False).close()  # raises `NoIndex` before a folder is touched
            writer = held.enter_context(writing(folder, "verify --repair", heal=False))
            whole, summed = _bytes(folder), not sums.why_unchecked(folder)
            result = _findings(folder, writer.connection, repair, deep or not summed, summed)  # it is summed on leaving
            writer.sound = all(one.state != FindingState.BROKEN for one in (whole, *result))
            if writer.sound and whole.state in (FindingState.DERIVED, FindingState.UNCHECKED):
                whole = Finding(whole.invariant, FindingState.REPAIRED, whole.sentence)
            return [whole, *_lost(folder, writer.connection), *result]
        whole = _bytes(folder)
        try:
            connection = held.enter_context(contextlib.closing(open_reader(folder, values=False)))
        except DamagedIndex:
            if whole.state != FindingState.BROKEN:
                raise
            return [whole]
        lost = _lost(folder, connection)
        connection.execute("BEGIN")
        return [whole, *lost, *_findings(folder, connection, repair, deep, not sums.why_unchecked(folder))]


def _findings(
    folder: IndexFolder, connection: sqlite3.Connection, repair: bool, deep: bool, summed: bool
) -> list[Finding]:
    with translate_sqlite_errors(folder):
        return list(findings(folder, connection, repair, deep, summed))


def _lost(folder: IndexFolder, connection: sqlite3.Connection) -> list[Finding]:
    """The commits that a missing or damaged log has lost; the next run does their work again, and no repair can."""
    try:
        known = sums.read(folder)
    except sums.BadSums:
        known = None
    with translate_sqlite_errors(folder):
        lost = (known.commits if known is not None else 0) - commits(connection)
    said = f"{lost} commits are lost: the log of the last run was deleted, cut or damaged."
    return [Finding(COMMITS, FindingState.BROKEN, said, _REDO)] if lost > 0 else []


def _bytes(folder: IndexFolder) -> Finding:
    """Whether the catalogue's bytes agree with their checksums. All blocks are read, also those without a sign of a
    change."""
    folder.check()
    return Finding(BYTES, *next(_problems(folder), (FindingState.OK, "", "")))


def _problems(folder: IndexFolder) -> Iterator[tuple[FindingState, str, str]]:
    try:
        known = sums.read(folder)
        while known is not None and folder.exists() and (bad := sums.damaged_blocks(folder, known)):
            if known == (known := sums.read(folder)) and known is not None:  # else a writer changed it meanwhile
                told = sums.damage(folder, bad)
                yield FindingState.BROKEN, told.sentence, told.hint
    except sums.BadSums:
        yield FindingState.DERIVED, "Its checksums are damaged.", _NEXT_RUN
        return
    if not lock_holder(folder) and (lost := lost_commits(folder)):
        yield FindingState.DERIVED, f"Its log is damaged: {lost} commits of the last run are lost.", _NEXT_RUN
    if folder.exists() and (why := sums.why_unchecked(folder)):
        why = "a run is changing it" if known is not None and lock_holder(folder) else why
        yield FindingState.UNCHECKED, f"There is nothing to compare them with: {why}.", _NEXT_RUN
