"""The words signal: what a query's words and their forms find, and how much of its information that is. Scores are
those of `ranking`; candidates are found by FTS5."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import combinations

import numpy as np
import numpy.typing as npt

from mmsearch.retrieval.words.stop_words import content_words
from mmsearch.retrieval.words.word_forms import WordForms
from mmsearch.store.snapshot import Snapshot
from mmsearch.store.tokenization import shown
from mmsearch.store.vocabulary import NAMES, WORDS, Vocabulary, quoted

Floats = npt.NDArray[np.float64]

K1, B = 1.2, 0.75  # BM25's usual saturation and length normalisation
FORM_SHARE = 0.7  # of a word's weight, paid for any of its forms, itself among them
CANDIDATE_ROWS = 30_000  # of a word table that the rarest words of a query may find together
MOST_TERMS = 64  # the rarest words of a long query; the others cost time without effect on the ranking


@dataclass(frozen=True, slots=True)
class Term:
    """One distinct query word with its information, in nats, by itself and with its forms: the other words of the index
    that stand for it, each with its weight, at most 1."""

    word: str
    idf: float
    family_idf: float
    forms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """What the words know of n candidates: `found` and `coverage`, float64 (n,) in 0..1, and the terms matched."""

    found: Floats
    coverage: Floats
    matched: list[tuple[str, ...]]


class Words:
    """The words signal of a snapshot, with what it needs to know of a query's terms."""

    def __init__(self, snapshot: Snapshot, words: Sequence[str]) -> None:
        self.table = Vocabulary(snapshot.connection, WORDS, snapshot.filtered)
        self.names = Vocabulary(snapshot.connection, NAMES, snapshot.filtered)
        self.filtered = snapshot.filtered
        self.frequency: Callable[[str], int] = cache(self.table.frequency)
        self.forms = WordForms(snapshot, words)
        self.terms: list[Term] = query_terms(
            content_words(words), self.table.rows, self.frequency, self.forms.of, self.table.frequency_of_any
        )

    def expression(self) -> str:
        """The FTS5 expression that brings up candidates: any of the rarer words or their forms."""
        rare = self.table.rare([term.word for term in self.terms], self.frequency)
        return candidate_expression(rare, self.frequency, self.forms.of, bounded=not self.filtered)


def candidate_expression(
    words: Sequence[str],
    frequency: Callable[[str], int],
    forms: Callable[[str], Iterable[str]] = lambda word: (),
    bounded: bool = True,
) -> str:
    """The FTS5 expression for some words of a query and their forms; `frequency` returns the number of rows that hold a
    word."""
    ordered = sorted(words, key=frequency)
    kept, rows = 0, 0
    while kept < len(ordered):
        rows += frequency(ordered[kept])
        if bounded and kept and rows > CANDIDATE_ROWS:
            break
        kept += 1
    alone, together = ordered[:kept], ordered[kept:]
    either = [*map(quoted, dict.fromkeys([*alone, *(other for word in alone for other in forms(word))]))]
    if together:
        either.append(f"(({_any(alone)}) AND ({_any(together)}))")
        either += [f"({quoted(a)} AND {quoted(b)})" for a, b in combinations(together, 2)]
    return " OR ".join(either)


def _any(words: Sequence[str]) -> str:
    return " OR ".join(map(quoted, words))


def idf(rows: int, matching: int) -> float:
    """Information of a word that `matching` of `rows` segments hold: always positive, largest for unseen words."""
    return math.log1p((rows - min(matching, rows) + 0.5) / (min(matching, rows) + 0.5))


def query_terms(
    words: Iterable[str],
    rows: int,
    frequency: Callable[[str], int],
    forms: Callable[[str], Mapping[str, float]],
    frequency_of_any: Callable[[Iterable[str]], int],
) -> list[Term]:
    """The most informative of the distinct words of a prepared query, with their weights and forms. A word in no
    segment keeps its full weight: what it asks for is not there."""
    known = sorted(((word, frequency(word)) for word in dict.fromkeys(words)), key=lambda one: one[1])
    terms = []
    for word, exact in known[:MOST_TERMS]:
        others = forms(word)
        kin = max(exact, frequency_of_any((word, *others))) if others else exact
        terms.append(Term(word, idf(rows, exact), idf(rows, kin), others))
    return terms


def find_words(terms: Sequence[Term], candidates: Sequence[Sequence[str]], mean_length: float) -> Found:
    """Score candidates, given as lists of prepared words, against a query's terms."""
    found, coverage = np.zeros(len(candidates)), np.zeros(len(candidates))
    matched: list[tuple[str, ...]] = []
    families = _families(terms)
    exact_sum = sum(term.idf for term in terms) or 1.0
    family_sum = sum(value for _, value in families) or 1.0
    wanted = {word for members, _ in families for word in members}
    for number, every in enumerate(candidates):
        counts = Counter({word: every.count(word) for word in wanted.intersection(every)})
        if not counts:
            matched.append(())
            continue
        soft = K1 * (1 - B + B * len(every) / max(mean_length, 1.0))
        for term in terms:
            if count := counts[term.word]:
                found[number] += (1 - FORM_SHARE) / exact_sum * term.idf * count / (count + soft)
                coverage[number] += (1 - FORM_SHARE) / exact_sum * term.idf
        for members, value in families:
            held = [(weight, counts[word]) for word, weight in members.items() if counts[word]]
            count_of_forms = sum(weight * count for weight, count in held)
            if held:
                found[number] += FORM_SHARE / family_sum * value * count_of_forms / (count_of_forms + soft)
                coverage[number] += FORM_SHARE / family_sum * value * min(1.0, sum(weight for weight, _ in held))
        matched.append(tuple(name for term in terms if (name := _matched_as(term, counts))))
    return Found(found, coverage, matched)


def _families(terms: Sequence[Term]) -> list[tuple[Mapping[str, float], float]]:
    """The words that stand for each term, with their weights, and its information; terms that are forms of each other
    once."""
    families: list[tuple[Mapping[str, float], float]] = []
    for term in terms:
        if not any(members.get(term.word) == 1.0 for members, _ in families):
            families.append(({term.word: 1.0, **term.forms}, term.family_idf))
    return families


def _matched_as(term: Term, counts: Mapping[str, int]) -> str:
    """A term that a candidate holds as it is shown: `dog`, or `dog~dogs` for another form; empty for none."""
    if counts.get(term.word):
        return shown(term.word)
    other = max((word for word in term.forms if counts.get(word)), key=lambda word: term.forms[word], default="")
    return f"{shown(term.word)}~{other}" if other else ""


def mean_found(parts: Sequence[tuple[float, Found]]) -> Found:
    """What several lists of words know of the same n candidates, as one: their mean by weight, and all terms."""
    if len(parts) == 1:
        return parts[0][1]
    whole = sum(weight for weight, _ in parts)
    found = sum((weight / whole * one.found for weight, one in parts), np.zeros(()))
    coverage = sum((weight / whole * one.coverage for weight, one in parts), np.zeros(()))
    every = zip(*(one.matched for _, one in parts), strict=True)
    return Found(found, coverage, [tuple(dict.fromkeys(term for terms in each for term in terms)) for each in every])
