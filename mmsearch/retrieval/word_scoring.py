"""The words signal: what a query's words and word families find, and how much of its information that is. Scores are
those of `ranking`; candidates are found by FTS5."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations

import numpy as np
import numpy.typing as npt

from mmsearch.store.snapshot import Snapshot
from mmsearch.store.tokenization import FAMILY, family
from mmsearch.store.vocabulary import NAMES, WORDS, Vocabulary, quoted

Floats = npt.NDArray[np.float64]

K1, B = 1.2, 0.75  # BM25's usual saturation and length normalisation
FAMILY_SHARE = 0.5  # of a word's weight, paid for its family
CANDIDATE_ROWS = 30_000  # of a word table that the rarest words of a query may find together
MOST_TERMS = 64  # the rarest words of a long query; the others cost time without effect on the ranking


@dataclass(frozen=True, slots=True)
class Term:
    """One distinct query word with its information, in nats, as a word and as a family."""

    word: str
    idf: float
    family_idf: float


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
        every = query_terms(words, self.table.rows, self.frequency, cache(self.table.family_frequency))
        self.terms: list[Term] = sorted(every, key=lambda term: -term.idf)[:MOST_TERMS]

    def expression(self) -> str:
        """The FTS5 expression that brings up candidates: any of the rarer words or their families."""
        rare = self.table.rare([term.word for term in self.terms], self.frequency)
        return candidate_expression(rare, self.frequency, bounded=not self.filtered)


def candidate_expression(words: Sequence[str], frequency: Callable[[str], int], bounded: bool = True) -> str:
    """The FTS5 expression for some words of a query; `frequency` returns the number of rows that hold a word."""
    ordered = sorted(words, key=frequency)
    kept, rows = 0, 0
    while kept < len(ordered):
        rows += frequency(ordered[kept])
        if bounded and kept and rows > CANDIDATE_ROWS:
            break
        kept += 1
    alone, together = ordered[:kept], ordered[kept:]
    starts = dict.fromkeys(family(word) for word in alone if len(word) > FAMILY and not word.isdigit())
    either = [*map(quoted, alone), *(f"{quoted(start)} *" for start in starts)]
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
    words: Iterable[str], rows: int, frequency: Callable[[str], int], family_frequency: Callable[[str], int]
) -> list[Term]:
    """The distinct words of a prepared query with their weights. A word in no segment keeps its full weight: what it
    asks for is not there."""
    terms = []
    for word in dict.fromkeys(words):
        exact = frequency(word)
        kin = exact if word.isdigit() or len(word) < FAMILY else max(exact, family_frequency(family(word)))
        terms.append(Term(word, idf(rows, exact), idf(rows, kin)))
    return terms


def find_words(terms: Sequence[Term], candidates: Sequence[Sequence[str]], mean_length: float) -> Found:
    """Score candidates, given as lists of prepared words, against a query's terms."""
    found, coverage = np.zeros(len(candidates)), np.zeros(len(candidates))
    matched: list[tuple[str, ...]] = []
    families: Mapping[str, float] = {family(term.word): term.family_idf for term in terms}
    exact_sum = sum(term.idf for term in terms) or 1.0
    family_sum = sum(families.values()) or 1.0
    wanted = {term.word for term in terms}
    starts = {start[:FAMILY] for start in families}
    for number, every in enumerate(candidates):
        words = [word for word in every if word[:FAMILY] in starts]  # all that the sums below can count
        if not words:
            matched.append(())
            continue
        soft = K1 * (1 - B + B * len(every) / max(mean_length, 1.0))
        counts = Counter(word for word in words if word in wanted)
        kin = Counter(start for start in map(family, words) if start in families)
        hits = [term for term in terms if term.word in counts]
        found[number] = (1 - FAMILY_SHARE) / exact_sum * sum(
            term.idf * counts[term.word] / (counts[term.word] + soft) for term in hits
        ) + FAMILY_SHARE / family_sum * sum(families[start] * count / (count + soft) for start, count in kin.items())
        coverage[number] = (1 - FAMILY_SHARE) / exact_sum * sum(term.idf for term in hits)
        coverage[number] += FAMILY_SHARE / family_sum * sum(families[start] for start in kin)
        matched.append(
            tuple(
                term.word if term.word in counts else family(term.word) + "*"
                for term in terms
                if term.word in counts or family(term.word) in kin
            )
        )
    return Found(found, coverage, matched)


def mean_found(parts: Sequence[tuple[float, Found]]) -> Found:
    """What several lists of words know of the same n candidates, as one: their mean by weight, and all terms."""
    if len(parts) == 1:
        return parts[0][1]
    whole = sum(weight for weight, _ in parts)
    found = sum((weight / whole * one.found for weight, one in parts), np.zeros(()))
    coverage = sum((weight / whole * one.coverage for weight, one in parts), np.zeros(()))
    every = zip(*(one.matched for _, one in parts), strict=True)
    return Found(found, coverage, [tuple(dict.fromkeys(term for terms in each for term in terms)) for each in every])
