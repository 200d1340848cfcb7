"""The names signal: how well a file's path answers a query. It belongs to files, never to their contents."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from mmsearch.retrieval.ranking import Term, idf
from mmsearch.retrieval.signals import POOL, Words
from mmsearch.store.snapshot import Snapshot
from mmsearch.store.vocabulary import quoted
from mmsearch.store.words import FAMILY, family, prepare_name

WEIGHT = 0.9  # of a name that answers the whole query: nothing but a better name comes before it
FAMILY_VALUE = 0.6  # of a word found only as a relative (`report` in reports.pdf)
FOLDER_VALUE = 0.5  # of a word found only in a folder's name: it tells of all files in it
EXACTNESS = 0.3  # how much of the score hangs on the name holding nothing else


@dataclass(frozen=True, slots=True)
class Named:
    """A file that was found by its name: the score in 0..1, and the query words that it holds."""

    file_id: int
    asset_id: int | None
    kind: str  # of the file; "other" for one of no kind of ours
    path: bytes
    score: float
    terms: tuple[str, ...]


def find_names(snapshot: Snapshot, words: Words) -> dict[int, Named]:
    """Files whose path holds words of the query, by file id. The score is the square of the share of the query's
    information that the name holds, a little less where it holds much else."""
    weights = _weights(words)
    total = sum(weights.values())
    if not total:
        return {}
    starts = [word for word in weights if len(word) >= FAMILY]
    expression = " OR ".join([*map(quoted, weights), *(f"{quoted(family(word))} *" for word in starts)])
    ids = words.names.best(expression, POOL)
    marks = ",".join("?" * len(ids))
    rows = snapshot.connection.execute(
        f"SELECT id, asset_id, coalesce(kind, 'other'), root_id, path FROM files WHERE id IN ({marks})", ids
    )
    found: dict[int, Named] = {}
    for file_id, asset_id, kind, root_id, path in rows.fetchall():
        score, terms = score_name(path or os.path.basename(snapshot.roots[root_id].path), weights, total)
        if score > 0:
            found[file_id] = Named(file_id, asset_id, kind, snapshot.absolute(root_id, path), score, terms)
    return found


def _weights(words: Words) -> dict[str, float]:
    """The information of each query word over contents and names together: a word common in texts says little in a
    name as well."""
    rows = words.table.rows + words.names.rows
    return {
        term.word: idf(rows, words.frequency(term.word) + words.names.frequency(term.word))
        for term in _distinct(words.terms)
    }


def _distinct(terms: Sequence[Term]) -> list[Term]:
    return list({term.word: term for term in terms}.values())


def score_name(path: bytes, weights: dict[str, float], total: float) -> tuple[float, tuple[str, ...]]:
    """The score of one path (relative to its root) and the query words in it."""
    folder, base = os.path.split(path)
    own, stem = set(prepare_name(base).split()), set(prepare_name(os.path.splitext(base)[0]).split())
    above = set(prepare_name(folder).split()) if folder else set()
    kin, kin_above = {family(word) for word in own}, {family(word) for word in above}
    share = 0.0
    matched: list[str] = []
    for word, weight in weights.items():
        related = len(word) >= FAMILY and not word.isdigit()
        if word in own:
            value = 1.0
        elif related and family(word) in kin:
            value = FAMILY_VALUE
        elif word in above or (related and family(word) in kin_above):
            value = FOLDER_VALUE
        else:
            continue
        share += value * weight
        matched.append(word)
    families = {family(word) for word in matched}
    exact = sum(family(word) in families for word in stem) / len(stem) if stem else 0.0
    return (share / total) ** 2 * (1 - EXACTNESS + EXACTNESS * exact), tuple(matched)
