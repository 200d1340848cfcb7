"""The signals of a query: which segments each of them brings up, and what every one says of all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from mmsearch.retrieval.query_parsing import Parsed, candidate_expression, folded, identifiers, stands_in
from mmsearch.retrieval.ranking import (
    HALF,
    PRIOR_MEAN,
    Offset,
    Ranking,
    Term,
    ViewScores,
    find_words,
    fuse,
    mean_found,
    query_terms,
    same_thing,
    standardise,
    standardise_across,
    view_offset,
    view_spread,
)
from mmsearch.store.snapshot import Snapshot
from mmsearch.store.spaces import SpaceRow
from mmsearch.store.vocabulary import NAMES, WORDS, Vocabulary, quoted
from mmsearch.types import View

if TYPE_CHECKING:
    import numpy as np

POOL = 300  # candidates that each signal brings up
LOOSE = 0.8  # of an identifier whose words stand there with other signs between them
MOST_OTHERS = 100  # things of the query's kind by which a comparison across kinds is calibrated
LEAST_READABLE = 0.01  # of a part of a query: an unreadable one weighs this much of itself
MOST_HIDDEN = 3_000  # more candidates for the sake of those that are not to be found
MOST_TERMS = 64  # the rarest words of a long query; the others cost time and decide nothing


@dataclass(frozen=True, slots=True, eq=False)
class Vector:
    """A query for one view of one space: a unit vector, float32 (dimension,), and how much of it the model can read.
    `made_of` is what was encoded, a view too; a `weight` below 0 is of what should be less. `scale` is of a model that
    knows what its cosines mean: the one that counts for nothing and the one that is half a certainty."""

    space: SpaceRow
    view: str
    vector: np.ndarray
    readable: float = 1.0
    made_of: str = ""  # empty: the view itself
    weight: float = 1.0
    scale: tuple[float, float] | None = None

    @property
    def name(self) -> str:
        """The signal's name."""
        return f"{self.space.name}:{self.view}"


@dataclass(frozen=True, slots=True)
class Wording:
    """Prepared words of a part of a query other than its typed text; unwanted where the weight is below 0."""

    words: tuple[str, ...]
    weight: float


@dataclass(frozen=True, slots=True)
class EncodedQuery:
    """A query, ready for an index: its words, and its vectors in every view that can take it."""

    parsed: Parsed
    vectors: Sequence[Vector] = ()
    wordings: Sequence[Wording] = ()
    without: frozenset[int] = frozenset()  # segments that are not to be found: the query's own
    assets: frozenset[int] = frozenset()  # the same as assets


@dataclass(slots=True)
class Scored:
    """All candidates with their scores. Lists and arrays run along `segments`."""

    segments: list[int]
    ranking: Ranking
    raw: dict[str, list[float | None]]  # by signal, on its own scale
    calibrated: dict[str, list[float | None]]  # by signal, 0..1
    terms: list[tuple[str, ...]]  # query words (or `famil*`) that each segment holds
    unwanted: list[tuple[str, ...]]  # the same of the words that should not be there
    weights: dict[str, float] = field(default_factory=dict)  # information of each query word


class Words:
    """The words signal of a snapshot, with what it needs to know of a query's terms."""

    def __init__(self, snapshot: Snapshot, words: Sequence[str]) -> None:
        self.table = Vocabulary(snapshot.connection, WORDS, snapshot.filtered)
        self.names = Vocabulary(snapshot.connection, NAMES, snapshot.filtered)
        self.filtered = snapshot.filtered
        self.frequency: Callable[[str], int] = cache(self.table.frequency)
        every = query_terms(words, self.table.rows, self.frequency, cache(self.table.family_frequency))
        self.terms: list[Term] = sorted(every, key=lambda term: -term.idf)[:MOST_TERMS]

    def expression(self) -> str:
        """The FTS5 expression that brings up candidates: any of the rarer words or their families."""
        rare = self.table.rare([term.word for term in self.terms], self.frequency)
        return candidate_expression(rare, self.frequency, bounded=not self.filtered)


def score(snapshot: Snapshot, encoded: EncodedQuery, words: Words, extra: Sequence[int] = ()) -> Scored:
    """Bring up the candidates of every signal (and `extra` segments), and score all of them by all signals."""
    import numpy as np

    parts = [(1.0, words), *((one.weight, Words(snapshot, one.words)) for one in encoded.wordings)]
    parts = [(weight, part) for weight, part in parts if part.terms]
    wanted = [(weight, part) for weight, part in parts if weight > 0]
    runs = identifiers(encoded.parsed)
    ids = _candidates(snapshot, encoded, [part for _, part in wanted], runs)
    ids = _admitted(words.table, encoded, list(dict.fromkeys([*ids, *extra])))
    held = words.table.words(ids)
    texts = [held.get(i, []) for i in ids]
    has_words = np.array([i in held for i in ids], bool)
    views, raw, calibrated = [], {}, {}
    for name in dict.fromkeys(vector.name for vector in encoded.vectors):
        cosines, scores = _view(snapshot, [vector for vector in encoded.vectors if vector.name == name], ids)
        views.append(scores)
        raw[name] = cosines
        calibrated[name] = [None if np.isnan(z) else _certainty(z) for z in scores.z]
    length = words.table.mean_length
    found = mean_found([(w, find_words(part.terms, texts, length)) for w, part in wanted]) if wanted else None
    whole = sum(weight for weight, _ in wanted) or 1.0
    against = [(-w / whole, find_words(part.terms, texts, length)) for w, part in parts if w < 0]
    penalty = sum((w * one.found for w, one in against), np.zeros(len(ids))) if against else None
    exact = _exact(snapshot, words, runs, dict(zip(ids, texts, strict=True))) if runs else None
    if found is not None:
        raw["words"] = [float(value) if own else None for value, own in zip(found.found, has_words, strict=True)]
    for name, values in (("exact", exact), ("minus", penalty)):
        if values is not None:
            raw[name] = [float(value) if value > 0 else None for value in values]
    calibrated |= {name: raw[name] for name in ("words", "exact", "minus") if name in raw}
    none: list[tuple[str, ...]] = [() for _ in ids]
    weights = {term.word: term.idf for _, part in wanted for term in part.terms}
    return Scored(
        segments=ids,
        ranking=fuse(found, has_words, views, penalty, exact),
        raw=raw,
        calibrated=calibrated,
        terms=found.matched if found is not None else none,
        unwanted=mean_found(against).matched if against else none,
        weights=weights,
    )


def _candidates(snapshot: Snapshot, encoded: EncodedQuery, wanted: Sequence[Words], runs: Iterable[str]) -> list[int]:
    """The segments that any signal brings up."""
    pool = POOL + min(len(encoded.without), MOST_HIDDEN)
    ids: list[int] = []
    for words in wanted:
        ids += words.table.best(words.expression(), pool)
    for run in runs:
        ids += wanted[0].table.best(quoted(run), pool)
    for vector in (vector for vector in encoded.vectors if vector.weight > 0):
        ids += [i for i, _ in snapshot.nearest(vector.space.id, vector.view, vector.vector, pool)]
    return ids


def _exact(snapshot: Snapshot, words: Words, runs: Mapping[str, str], texts: Mapping[int, list[str]]) -> np.ndarray:
    """The share of the query's information that lies in identifiers which a candidate holds, float64 (n,) in 0..1; a
    little less where the words are there, but other signs between them."""
    import numpy as np

    known = {term.word: term.idf for term in words.terms}
    whole = sum(known.values()) or 1.0
    joined = {i: f" {' '.join(text)} " for i, text in texts.items()}
    holding = {i: [run for run in runs if f" {run} " in text] for i, text in joined.items()}
    places = snapshot.places([i for i, held in holding.items() if held])
    share = np.zeros(len(texts))
    for number, (segment_id, held) in enumerate(holding.items()):
        if held and (place := places.get(segment_id)):
            shown = folded("\n".join([place.text, *(cue.text for _, cue in place.read)]))
            counted: set[str] = set()
            for run in held:
                own = set(run.split()) - counted
                counted |= own
                share[number] += sum(known.get(word, 0.0) for word in own) * (
                    1.0 if stands_in(runs[run], shown) else LOOSE
                )
    return share / whole


def _admitted(table: Vocabulary, encoded: EncodedQuery, ids: list[int]) -> list[int]:
    """The candidates that hold every quoted phrase and no excluded word."""
    parsed = encoded.parsed
    if parsed.required:
        phrase = table.matching(parsed.required)
        ids = [i for i in dict.fromkeys([*ids, *sorted(phrase)[:POOL]]) if i in phrase]
    if parsed.refused:
        refused = table.matching(parsed.refused)
        ids = [i for i in ids if i not in refused]
    return [i for i in ids if i not in encoded.without]


def _view(snapshot: Snapshot, vectors: Sequence[Vector], ids: list[int]) -> tuple[list[float | None], ViewScores]:
    """What one view says of the candidates: cosines (None where a segment has no such view), and the same calibrated
    against the view's background. A text and a picture, say, are each compared and calibrated for themselves."""
    import numpy as np

    first = vectors[0]
    view = snapshot.cached(("view", first.space.id, first.view), lambda: _statistics(snapshot, first))
    background, spread = view.background, view.spread
    # Pictures are as near to each other as `spread` says; texts of queries are further from documents than those.
    prior = PRIOR_MEAN if first.view == View.TEXT else max(PRIOR_MEAN, 1.0 - spread**2)
    cosines, z = np.zeros(len(ids)), np.zeros(len(ids))
    wanted = [vector for vector in vectors if vector.weight > 0]
    whole = sum(vector.weight * max(vector.readable, LEAST_READABLE) for vector in wanted)
    for vector in vectors:
        weight = vector.weight * max(vector.readable, LEAST_READABLE) / whole
        across = vector.made_of not in ("", vector.view)
        # A picture shares the offset of pictures: their plain cosines compare, and nothing is nearer to it than itself.
        beside, factors = view.plain if vector.view != View.TEXT and not across else view.centred
        usual = (background @ vector.vector) * factors if len(background) else np.empty(0)
        known = snapshot.similarities(vector.space.id, vector.view, vector.vector, ids, beside.factor)
        own, even = np.array([known.get(i, (np.nan, np.nan)) for i in ids], np.float64).reshape(-1, 2).T
        if vector.scale is not None:
            nothing, half = vector.scale
            share = (own - nothing) * (HALF / (half - nothing))
        elif across:
            others = _others(snapshot, vector) @ background.T * factors if len(background) else np.empty(0)
            share = standardise_across(even, usual, others)
        else:
            share = standardise(even, usual, spread, prior)
            share = share if vector.view == View.TEXT else np.maximum(share, same_thing(own))
        cosines += weight * own
        z += weight * (share if weight > 0 else np.maximum(share, 0.0))
    readable = sum(vector.weight * vector.readable for vector in wanted) / sum(vector.weight for vector in wanted)
    told = [None if np.isnan(value) else float(value) for value in cosines]
    return told, ViewScores(first.name, z, readable)


@dataclass(frozen=True, slots=True, eq=False)
class _ViewStatistics:
    """What the background sample of a view, unit rows, float32 (n, dimension), tells: its spread, and its offset and no
    offset, each with the factors (n,) of the sample."""

    background: np.ndarray
    spread: float
    centred: tuple[Offset, np.ndarray]
    plain: tuple[Offset, np.ndarray]


def _statistics(snapshot: Snapshot, vector: Vector) -> _ViewStatistics:
    import numpy as np

    background = snapshot.background(vector.space.id, vector.view)
    offset, none = view_offset(background), Offset(np.zeros(background.shape[1]), 0.0)
    return _ViewStatistics(
        background,
        view_spread(background),
        (offset, offset.factor(background)),
        (none, none.factor(background)),
    )


def _others(snapshot: Snapshot, vector: Vector) -> np.ndarray:
    """Other things of the kind that a query is made of, unit rows, float32 (n, dimension): everyday texts, or what the
    space stores of that kind."""
    import numpy as np

    from mmsearch.encoding.encoders import anchor_embeddings, signature

    if vector.made_of == View.TEXT:
        key = ("anchors", vector.space.id, signature(vector.space))
        if len(texts := snapshot.cached(key, lambda: anchor_embeddings(vector.space))):
            return texts
    stored = snapshot.background(vector.space.id, vector.made_of)[:MOST_OTHERS]
    return stored if len(stored) else np.empty((0, vector.space.dimension), np.float32)


def _certainty(z: float) -> float:
    positive = max(float(z), 0.0)
    return positive**2 / (positive**2 + HALF**2)
