"""The signals of a query: the candidates that each of them finds, and the scores of all candidates by every signal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING

from mmsearch.query import Match
from mmsearch.retrieval.cross_language import SCALES, background_languages, foreign, standardise_by_language
from mmsearch.retrieval.late_scoring import late_view
from mmsearch.retrieval.queries.query_files import QueryFile
from mmsearch.retrieval.queries.query_parsing import Parsed
from mmsearch.retrieval.ranking import (
    HALF,
    PRIOR_MEAN,
    Offset,
    Ranking,
    ViewScores,
    fuse,
    identical_media,
    standardise,
    standardise_across,
    view_offset,
    view_spread,
)
from mmsearch.retrieval.words.languages import language_of
from mmsearch.retrieval.words.literals import Literal, exact_share, literals, phrase_rows, whole_query
from mmsearch.retrieval.words.word_scoring import Words, find_words, mean_found
from mmsearch.store.snapshot import Snapshot
from mmsearch.store.spaces import SpaceRow
from mmsearch.store.tokenization import shown
from mmsearch.store.vocabulary import Vocabulary
from mmsearch.types import View

if TYPE_CHECKING:
    import numpy as np

POOL = 300  # candidates that each signal finds
MOST_OTHERS = 100  # embeddings of the query's modality by which a comparison across modalities is calibrated
LEAST_COVERAGE = 0.01  # the least factor of a query part's weight, where the model knows none of its tokens
MOST_HIDDEN = 3_000  # further candidates, in place of those that are excluded


@dataclass(frozen=True, slots=True, eq=False)
class Vector:
    """A query for one view of one space: a unit vector, float32 (dimension,), with the token coverage of its text.
    `made_of` is the view of the input that was encoded; a `weight` below 0 marks an unwanted part. `scale` is set for a
    model with a calibrated cosine: the one that counts as 0, and the one with z = HALF."""

    space: SpaceRow
    view: str
    vector: np.ndarray
    token_coverage: float = 1.0
    made_of: str = ""  # empty: the view itself
    weight: float = 1.0
    scale: tuple[float, float] | None = None
    tokens: np.ndarray | None = None  # of a late-interaction space, float32 (n, dimension); `vector` is their mean

    @property
    def name(self) -> str:
        """The signal's name."""
        return f"{self.space.name}:{self.view}"

    @property
    def across_languages(self) -> bool:
        """Whether this is a text, compared with texts in a space of many languages."""
        return self.space.name in SCALES and self.view == View.TEXT and self.made_of in ("", View.TEXT)


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
    without: frozenset[int] = frozenset()  # segments that are not to be found: those that only hidden files show
    hidden: frozenset[int] = frozenset()  # files that are not to be found: the query's own
    files: tuple[QueryFile, ...] = ()  # that a query consists of, where it has no other parts


@dataclass(slots=True)
class Scored:
    """All candidates with their scores. Lists and arrays run along `segments`."""

    segments: list[int]
    ranking: Ranking
    raw: dict[str, list[float | None]]  # by signal, on its own scale
    calibrated: dict[str, list[float | None]]  # by signal, 0..1
    terms: list[tuple[str, ...]]  # query words that each segment holds, as `dog` or `dog~dogs`
    unwanted: list[tuple[str, ...]]  # the same of the words that should not be there
    weights: dict[str, float] = field(default_factory=dict)  # information of each query word
    matches: list[Match] = field(default_factory=list)  # of a query that consists of files


def filled(values: Sequence[float | None]) -> np.ndarray:
    """The raw or calibrated values of a signal, float64 (n,), 0 or more; 0 where a candidate has none."""
    import numpy as np

    return np.array([0.0 if value is None else max(value, 0.0) for value in values], np.float64)


def score(snapshot: Snapshot, encoded: EncodedQuery, words: Words, extra: Sequence[int] = ()) -> Scored:
    """Find the candidates of every signal (and `extra` segments), and score all of them by all signals."""
    import numpy as np

    parts = [(1.0, words), *((one.weight, Words(snapshot, one.words)) for one in encoded.wordings)]
    parts = [(weight, part) for weight, part in parts if part.terms]
    wanted = [(weight, part) for weight, part in parts if weight > 0]
    runs = literals(encoded.parsed)
    lists = _candidates(snapshot, encoded, [part for _, part in wanted], runs)
    ids = _admitted(snapshot, words.table, encoded, list(dict.fromkeys([*chain.from_iterable(lists), *extra])))
    held = words.table.words(ids)
    texts = [held.get(i, []) for i in ids]
    has_words = np.array([i in held for i in ids], bool)
    across = next((vector for vector in encoded.vectors if vector.across_languages), None)
    languages = [language_of(text) for text in texts] if across else []
    views, raw, calibrated = [], {}, {}
    for name in dict.fromkeys(vector.name for vector in encoded.vectors):
        own = [vector for vector in encoded.vectors if vector.name == name]
        if own[0].tokens is not None:
            cosines, scores = late_view(snapshot, own[0].space, own[0].view, own[0].tokens, ids, lists)
            scores = replace(scores, token_coverage=own[0].token_coverage)
        else:
            cosines, scores = _view(snapshot, own, ids, languages)
        views.append(scores)
        raw[name] = cosines
        calibrated[name] = [None if np.isnan(z) else _certainty(z) for z in scores.z]
    length = words.table.mean_length
    found = mean_found([(w, find_words(part.terms, texts, length)) for w, part in wanted]) if wanted else None
    whole = sum(weight for weight, _ in wanted) or 1.0
    against = [(-w / whole, find_words(part.terms, texts, length)) for w, part in parts if w < 0]
    penalty = sum((w * one.found for w, one in against), np.zeros(len(ids))) if against else None
    sought = (*runs, *whole_query(encoded.parsed))
    exact = exact_share(snapshot, words, sought, dict(zip(ids, texts, strict=True))) if sought and words.terms else None
    if found is not None:
        raw["words"] = [float(value) if own else None for value, own in zip(found.found, has_words, strict=True)]
    for name, values in (("exact", exact), ("minus", penalty)):
        if values is not None:
            raw[name] = [float(value) if value > 0 else None for value in values]
    calibrated |= {name: raw[name] for name in ("words", "exact", "minus") if name in raw}
    none: list[tuple[str, ...]] = [() for _ in ids]
    weights = {shown(term.word): term.idf for _, part in wanted for term in part.terms}
    return Scored(
        segments=ids,
        ranking=fuse(
            found,
            has_words,
            views,
            penalty,
            exact,
            foreign(_language(encoded), languages) if across else None,
            len(_view_statistics(snapshot, across).background) if across else 0,
        ),
        raw=raw,
        calibrated=calibrated,
        terms=found.matched if found is not None else none,
        unwanted=mean_found(against).matched if against else none,
        weights=weights,
    )


def _candidates(
    snapshot: Snapshot, encoded: EncodedQuery, wanted: Sequence[Words], runs: Sequence[Literal]
) -> list[list[int]]:
    """The segments that each signal finds, best first."""
    pool = POOL + min(len(encoded.without), MOST_HIDDEN)
    found = [words.table.best(words.expression(), pool) for words in wanted]
    found += [wanted[0].table.best(run.expression, pool) for run in runs]
    for vector in (vector for vector in encoded.vectors if vector.weight > 0):
        found.append([i for i, _ in snapshot.nearest(vector.space.id, vector.view, vector.vector, pool)])
    return found


def _admitted(snapshot: Snapshot, table: Vocabulary, encoded: EncodedQuery, ids: list[int]) -> list[int]:
    """The candidates that hold every quoted phrase and no excluded word."""
    parsed = encoded.parsed
    if parsed.phrases:
        phrase = phrase_rows(snapshot, table, parsed.phrases)
        ids = [i for i in dict.fromkeys([*ids, *sorted(phrase)[:POOL]]) if i in phrase]
    if parsed.refused:
        refused = table.matching(parsed.refused)
        ids = [i for i in ids if i not in refused]
    return [i for i in ids if i not in encoded.without]


def _language(encoded: EncodedQuery) -> str:
    """The language of a query, by its typed words and those of the files that it names."""
    wanted = [encoded.parsed.words, *(one.words for one in encoded.wordings if one.weight > 0)]
    return language_of([word for words in wanted for word in words])


def _view(
    snapshot: Snapshot, vectors: Sequence[Vector], ids: list[int], languages: Sequence[str]
) -> tuple[list[float | None], ViewScores]:
    """The scores of the candidates by one view: cosines (None where a segment has no such view), and z calibrated
    against the view's background. Vectors of a text and of a picture are compared and calibrated separately. The
    `languages` of the candidates' texts matter in a space of many languages."""
    import numpy as np

    first = vectors[0]
    view = _view_statistics(snapshot, first)
    background, spread = view.background, view.spread
    # The spread predicts the mean cosine of two pictures; a query text and a document are less similar than that.
    prior = PRIOR_MEAN if first.view == View.TEXT else max(PRIOR_MEAN, 1.0 - spread**2)
    cosines, z = np.zeros(len(ids)), np.zeros(len(ids))
    wanted = [vector for vector in vectors if vector.weight > 0]
    whole = sum(vector.weight * max(vector.token_coverage, LEAST_COVERAGE) for vector in wanted)
    for vector in vectors:
        weight = vector.weight * max(vector.token_coverage, LEAST_COVERAGE) / whole
        across = vector.made_of not in ("", vector.view)
        # A picture shares the offset of pictures: by plain cosines nothing is more similar to it than itself.
        plain = vector.across_languages or (vector.view != View.TEXT and not across)
        beside, factors = view.plain if plain else view.centred
        usual = (background @ vector.vector) * factors if len(background) else np.empty(0)
        known = snapshot.similarities(vector.space.id, vector.view, vector.vector, ids, beside.factor)
        own, even = np.array([known.get(i, (np.nan, np.nan)) for i in ids], np.float64).reshape(-1, 2).T
        if vector.scale is not None:
            nothing, half = vector.scale
            share = (own - nothing) * (HALF / (half - nothing))
        elif vector.across_languages:
            share = standardise_by_language(even, languages, usual, view.languages, SCALES[vector.space.name])
        elif across:
            others = _others(snapshot, vector) @ background.T * factors if len(background) else np.empty(0)
            share = standardise_across(even, usual, others)
        else:
            share = standardise(even, usual, spread, prior)
            share = share if vector.view == View.TEXT else np.maximum(share, identical_media(own))
        cosines += weight * own
        z += weight * (share if weight > 0 else np.maximum(share, 0.0))
    coverage = sum(vector.weight * vector.token_coverage for vector in wanted) / sum(vector.weight for vector in wanted)
    told = [None if np.isnan(value) else float(value) for value in cosines]
    return told, ViewScores(first.name, z, coverage)


@dataclass(frozen=True, slots=True, eq=False)
class _ViewStatistics:
    """Statistics of the background sample of a view, unit rows, float32 (n, dimension): its spread, its offset
    (`centred`) and no offset (`plain`), each with the factors (n,) of the sample."""

    background: np.ndarray
    spread: float
    centred: tuple[Offset, np.ndarray]
    plain: tuple[Offset, np.ndarray]
    languages: list[str]  # of the first texts of the sample, in a space of many languages


def _view_statistics(snapshot: Snapshot, vector: Vector) -> _ViewStatistics:
    """The same for one state of the index, computed once."""
    return snapshot.cached(("view", vector.space.id, vector.view), lambda: _statistics(snapshot, vector))


def _statistics(snapshot: Snapshot, vector: Vector) -> _ViewStatistics:
    import numpy as np

    background = snapshot.background(vector.space.id, vector.view)
    offset, none = view_offset(background), Offset(np.zeros(background.shape[1]), 0.0)
    return _ViewStatistics(
        background,
        view_spread(background),
        (offset, offset.factor(background)),
        (none, none.factor(background)),
        background_languages(snapshot, vector.space.id, vector.view) if vector.across_languages else [],
    )


def _others(snapshot: Snapshot, vector: Vector) -> np.ndarray:
    """Other embeddings of the query's modality, unit rows, float32 (n, dimension): the anchor texts, or what the space
    stores of that modality."""
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
