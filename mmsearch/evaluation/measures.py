"""The standard measures of one ranking, as trec_eval defines them.

A ranking is a list of documents, best first; `grades` are their relevance grades. A document without a grade, or graded
0 or less, is wrong. Every measure raises `ValueError` where no document is right.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence


def success(ranking: Sequence[str], grades: Mapping[str, int], k: int) -> float:
    """1 if a right document is among the first k, else 0."""
    _right(grades)
    return float(any(grades.get(document, 0) > 0 for document in ranking[:k]))


def recall(ranking: Sequence[str], grades: Mapping[str, int], k: int) -> float:
    """The share of the right documents among the first k."""
    found = sum(grades.get(document, 0) > 0 for document in ranking[:k])
    return found / len(_right(grades))


def reciprocal_rank(ranking: Sequence[str], grades: Mapping[str, int], k: int) -> float:
    """1 / the rank of the first right document among the first k, else 0."""
    _right(grades)
    ranks = (rank for rank, document in enumerate(ranking[:k], 1) if grades.get(document, 0) > 0)
    return 1 / next(ranks, math.inf)


def ndcg(ranking: Sequence[str], grades: Mapping[str, int], k: int) -> float:
    """Normalised discounted cumulative gain of the first k: a document's gain is its grade, divided by the logarithm
    (base 2) of its rank + 1."""
    ideal = sorted(_right(grades).values(), reverse=True)
    gains = [max(grades.get(document, 0), 0) for document in ranking]
    return _dcg(gains[:k]) / _dcg(ideal[:k])


def _dcg(gains: Sequence[int]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, 1))


def _right(grades: Mapping[str, int]) -> dict[str, int]:
    right = {document: grade for document, grade in grades.items() if grade > 0}
    if not right:
        raise ValueError("no document is right")
    return right
