"""The probability that a hit answers a query of words, estimated from its signals, and where an answer ends.

Two logistic regressions, one for hits that words or texts bring and one for those that a picture, a sound or a film
brings. `benchmarks/relevance.py` fits them on judged queries, on those of one gallery put to another, and on queries
without an answer; `docs/scores.md` is their card. A label is 1 where a right file is among the first ten hits.

Within one answer the order of hits is that of their fused scores: a hit's probability is never above that of the hit
before it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEAST_ODDS, MOST_ODDS = 1e-4, 0.999  # fused scores beyond which the odds say no more
NOTHING = 0.45  # a query whose best hit is less probable finds nothing
TAIL = 5.0  # in log odds below the best hit's: a hit that is further away is not shown


class Evidence(NamedTuple):
    """What the signals say of n hits, each float64 (n,); the last two are the same for all hits of a query."""

    score: Floats  # fused, 0..1
    information: Floats  # of the query's words that the hit holds, in nats
    coverage: Floats  # share of the query's information that the hit holds, 0..1
    meaning: Floats  # certainty by the embeddings of texts, 0..1
    by_picture: npt.NDArray[np.bool_]  # whether a picture, sound or film contributes most
    best_coverage: float  # largest coverage of any candidate
    length: int  # distinct words of the query


FEATURES = ("odds", "information", "coverage", "best coverage", "meaning", "length")
# The constant, and the coefficients in the order of FEATURES; for pictures of the odds alone: nothing else held on
# galleries that had no part in the fit.
BY_TEXT = (0.755, 1.648, 0.465, -1.677, 5.528, 3.414, 0.118)
BY_PICTURE = (2.928, 1.588)


def features(evidence: Evidence) -> Floats:
    """The features of n hits, float64 (n, features), in the order of `FEATURES`."""
    score = np.clip(evidence.score, LEAST_ODDS, MOST_ODDS)
    return np.column_stack(
        [
            np.log(score / (1.0 - score)),
            np.log1p(evidence.information),
            evidence.coverage,
            np.full(len(score), evidence.best_coverage),
            evidence.meaning,
            np.full(len(score), math.log(max(evidence.length, 1))),
        ]
    )


def probabilities(evidence: Evidence) -> Floats:
    """The probability of each of n hits, best first, that it answers the query, float64 (n,): it never rises."""
    values = features(evidence)
    if not len(values):
        return np.zeros(0)
    by_text = BY_TEXT[0] + values @ np.array(BY_TEXT[1:])
    logits = np.where(evidence.by_picture, BY_PICTURE[0] + BY_PICTURE[1] * values[:, 0], by_text)
    return np.minimum.accumulate(1.0 / (1.0 + np.exp(-np.clip(logits, -30.0, 30.0))))


def tail(scores: Sequence[float]) -> int:
    """How many of the hits, by their probabilities, best first, are not far below the best one."""
    return sum(log_odds(score) >= log_odds(scores[0]) - TAIL for score in scores)


def log_odds(probability: float) -> float:
    """log(p / (1 - p)) of a probability, which is kept 1e-6 away from 0 and 1."""
    inside = min(max(probability, 1e-6), 1.0 - 1e-6)
    return math.log(inside / (1.0 - inside))
