"""The signals of a query: which segments each of them brings up, and what every one says of all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from mmsearch.retrieval.parse import Parsed
from mmsearch.retrieval.ranking import (
    Ranking,
    Term,
    ViewScores,
    find_words,
    fuse,
    query_terms,
    standardise,
    view_spread,
)
from mmsearch.store.snapshot import Snapshot, SpaceRow
from mmsearch.store.vocabulary import NAMES, WORDS, Vocabulary, quoted
from mmsearch.store.words import FAMILY, family

if TYPE_CHECKING:
    import numpy as np

POOL = 300  # candidates that each signal brings up
MOST_TERMS = 64  # the rarest words of a long query; the others cost time and decide nothing


@dataclass(frozen=True, slots=True, eq=False)
class Vector:
    """A query in one view of one space: a unit vector, float32 (dimension,), and how much of it the model can read."""

    space: SpaceRow
    view: str
    vector: np.ndarray
    readable: float = 1.0

    @property
    def name(self) -> str:
        """The signal's name."""
        return f"{self.space.name}:{self.view}"


@dataclass(frozen=True, slots=True)
class Asked:
    """A query, ready for an index: its words, and its vectors in every view that can take it."""

    parsed: Parsed
    vectors: Sequence[Vector] = ()
    without: frozenset[int] = frozenset()  # segments that are not to be found: the query's own


@dataclass(slots=True)
class Scored:
    """All candidates with their scores. Lists and arrays run along `segments`."""

    segments: list[int]
    ranking: Ranking
    raw: dict[str, list[float | None]]  # by signal, on its own scale
    calibrated: dict[str, list[float | None]]  # by signal, 0..1
    terms: list[tuple[str, ...]]  # query words (or `famil*`) that each segment holds
    weights: dict[str, float] = field(default_factory=dict)  # information of each query word


class Words:
    """The words signal of a snapshot, with what it needs to know of a query's terms."""

    def __init__(self, snapshot: Snapshot, words: Sequence[str]) -> None:
        self.table = Vocabulary(snapshot.connection, WORDS, snapshot.filtered)
        self.names = Vocabulary(snapshot.connection, NAMES, snapshot.filtered)
        self.frequency: Callable[[str], int] = cache(self.table.frequency)
        every = query_terms(words, self.table.rows, self.frequency, cache(self.table.family_frequency))
        self.terms: list[Term] = sorted(every, key=lambda term: -term.idf)[:MOST_TERMS]

    def expression(self) -> str:
        """The FTS5 expression that brings up candidates: any of the rarer words or their families."""
        rare = self.table.rare([term.word for term in self.terms], self.frequency)
        starts = dict.fromkeys(family(word) for word in rare if len(word) > FAMILY and not word.isdigit())
        return " OR ".join([*map(quoted, rare), *(f"{quoted(start)} *" for start in starts)])


def score(snapshot: Snapshot, asked: Asked, words: Words, extra: Sequence[int] = ()) -> Scored:
    """Bring up the candidates of every signal (and `extra` segments), and score all of them by all signals."""
    import numpy as np

    expression = words.expression() if words.terms else ""
    found_ids = words.table.best(expression, POOL) if expression else []
    for vector in asked.vectors:
        near = snapshot.nearest(vector.space.id, vector.view, vector.vector, POOL)
        found_ids += [segment_id for segment_id, _ in near]
    ids = _admitted(words.table, asked, list(dict.fromkeys([*found_ids, *extra])))
    held = words.table.words(ids)
    found = find_words(words.terms, [held.get(i, []) for i in ids], words.table.mean_length) if words.terms else None
    has_words = np.array([i in held for i in ids], bool)
    views, raw, calibrated = [], {}, {}
    for vector in asked.vectors:
        cosines, scores = _view(snapshot, vector, ids)
        views.append(scores)
        raw[vector.name] = cosines
        calibrated[vector.name] = [None if np.isnan(z) else _certainty(z) for z in scores.z]
    if found is not None:
        raw["words"] = [float(value) if own else None for value, own in zip(found.found, has_words, strict=True)]
        calibrated["words"] = raw["words"]
    matched: list[tuple[str, ...]] = found.matched if found is not None else [() for _ in ids]
    weights = {term.word: term.idf for term in words.terms}
    return Scored(ids, fuse(found, has_words, views), raw, calibrated, matched, weights)


def _admitted(table: Vocabulary, asked: Asked, ids: list[int]) -> list[int]:
    """The candidates that hold every quoted phrase and no excluded word."""
    parsed = asked.parsed
    if parsed.required:
        phrase = table.matching(parsed.required)
        ids = [i for i in dict.fromkeys([*ids, *sorted(phrase)[:POOL]]) if i in phrase]
    if parsed.refused:
        refused = table.matching(parsed.refused)
        ids = [i for i in ids if i not in refused]
    return [i for i in ids if i not in asked.without]


def _view(snapshot: Snapshot, vector: Vector, ids: list[int]) -> tuple[list[float | None], ViewScores]:
    """What one view says of the candidates: cosines (None where a segment has no such view), and the same calibrated
    against the view's background."""
    import numpy as np

    background = snapshot.background(vector.space.id, vector.view)
    usual = (background @ vector.vector).astype(np.float64) if len(background) else np.empty(0)
    known = snapshot.similarities(vector.space.id, vector.view, vector.vector, ids)
    cosines = np.array([known.get(i, np.nan) for i in ids], np.float64)
    z = standardise(cosines, usual, view_spread(background))
    return [known.get(i) for i in ids], ViewScores(vector.name, z, vector.readable)


def _certainty(z: float) -> float:
    from mmsearch.retrieval.ranking import HALF

    positive = max(z, 0.0)
    return positive**2 / (positive**2 + HALF**2)
