"""The check of every invariant of an index. Derived data can be rebuilt; for other damage the findings name what is
lost and how to restore it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mmsearch.errors import DamagedIndex
from mmsearch.index_status import Finding, FindingState
from mmsearch.store.catalogue import transaction, translate_sqlite_errors
from mmsearch.store.invariants import Invariants
from mmsearch.store.layout import IndexFolder

_AGAIN = "Take the files in again: delete the index folder and run `mmsearch index FOLDER` on them."
_REPAIR = "`mmsearch verify --repair` makes it again from the catalogue."


@dataclass(frozen=True, slots=True)
class _Check:
    """One invariant. `find` yields a sentence for each violation; `mend`, where there is one, rebuilds the derived data
    inside a transaction."""

    invariant: str
    find: Callable[[], Iterator[str]]
    mend: Callable[[], None] | None = None
    deep: bool = False
    differ: str = ""  # of a copy of rows: the sentence where it is not known whether the rows or the copy are damaged


def findings(
    folder: IndexFolder, connection: sqlite3.Connection, repair: bool, deep: bool, summed: bool = True
) -> Iterator[Finding]:
    """Check all invariants over one connection; with `repair`, over one that may write, rebuild derived data. Without
    `summed` the catalogue's bytes have no checksums: then rows and a copy of them that differ count as damage, and
    after any damage nothing is rebuilt."""
    for check in _checks(folder, connection):
        if deep or not check.deep:
            found = _run(folder, connection, check, repair, summed)
            repair = repair and (summed or found.state != FindingState.BROKEN)
            yield found


def _run(folder: IndexFolder, connection: sqlite3.Connection, check: _Check, repair: bool, summed: bool) -> Finding:
    broken = _broken(folder, check)
    if not broken:
        return Finding(check.invariant, FindingState.OK)
    if check.differ and not summed:
        sentence = check.differ.format(len(broken)) + ": one of them is damaged, and no checksum says which."
        return Finding(check.invariant, FindingState.BROKEN, sentence, _AGAIN)
    sentence = " ".join(broken[:3]) + (f" (and {len(broken) - 3} more)" if len(broken) > 3 else "")
    if check.mend is None:
        return Finding(check.invariant, FindingState.BROKEN, sentence, _AGAIN)
    if not repair:
        return Finding(check.invariant, FindingState.DERIVED, sentence, _REPAIR)
    try:
        with transaction(connection, folder):
            check.mend()
        left = _broken(folder, check)
    except DamagedIndex as error:
        left = [f"{sentence} {error.sentence}"]
    return (
        Finding(check.invariant, FindingState.BROKEN, left[0], _AGAIN)
        if left
        else Finding(check.invariant, FindingState.REPAIRED, sentence)
    )


def _broken(folder: IndexFolder, check: _Check) -> list[str]:
    try:
        with translate_sqlite_errors(folder):
            return list(check.find())
    except DamagedIndex as error:
        return [error.sentence]
    except (ValueError, TypeError, LookupError, AttributeError) as error:  # a value that no one of ours has written
        return [f"A row can't be read ({error})."]


def _checks(folder: IndexFolder, connection: sqlite3.Connection) -> list[_Check]:
    """Every invariant that can be checked on this index."""
    one = Invariants(folder, connection)
    return [
        _Check("The catalogue's pages are whole", one.pages, deep=True),
        _Check("The catalogue's structure is sound", one.quick),
        _Check("Every value is such as a run writes", one.values),
        _Check("Every row refers to one that is there", one.references),
        _Check("Every embedding is a unit vector of its space", one.vectors, deep=True),
        _Check("Token vectors are as they were written", one.token_vectors, deep=True),
        _Check("Every fingerprint of a file can be compared", one.fingerprints, deep=True),
        _Check("A complete asset has all of its spans", one.spans),
        _Check("What is visible is shown by a file, and the other way round", one.visible, one.mend_visible),
        _Check("No asset is left that no file has", one.orphans, one.mend_orphans),
        _Check(
            "The word table says what the segments say",
            one.words,
            one.mend_words,
            deep=True,
            differ="The text of {} segments and the word table differ",
        ),
        _Check("The word tables find what they hold", one.vocabularies, one.mend_vocabularies, deep=True),
        _Check(
            "Every visible segment with words is in the word table",
            one.words_counted,
            one.mend_words,
            differ="The segments and the word table differ",
        ),
        _Check(
            "Every file can be found by its name",
            one.names,
            one.mend_names,
            differ="The paths of {} files and the name table differ",
        ),
        _Check(
            "The background sample holds the smallest hashes",
            one.background,
            one.mend_background,
            differ="The embeddings and the background sample differ",
        ),
        _Check("The ann files are those of the catalogue", one.ann_files, one.drop_ann),
        _Check("The ann files' bytes are as they were written", one.ann_bytes, one.drop_ann, deep=True),
        _Check("No ids were used twice", one.ids),
        _Check("No left-over files lie in the index folder", one.leftovers, one.sweep),
    ]
