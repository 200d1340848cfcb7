"""Reranking of the best candidates (`--rerank`).

`builtin` measures the proximity of the query's words in each candidate, 0..1, and adds that share of `SHARE` times what
the score lacks to 1. Scores stay in 0..1; the contribution of `rerank` is what it added.

A model (see `model_reranking.py`) replaces the scores of the places that it scored and reorders these among the ranks
that they hold. All others keep their ranks: those beyond `--rerank-top`, those that the model has no time for or can't
take, and those found by the very name or number that was typed, which a model does not know. The new score of a place
is the model's, limited by the scores of its neighbours without one, so that scores never rise from rank to rank; the
contribution of `rerank` is the difference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from mmsearch.store.tokenization import family

BUILTIN = "builtin"
SHARE = 0.05  # of what is missing to 1; twice of it began to lose on docstrings and German
REACH = 12  # words: further apart, two words do not stand together


def term_proximity(words: Sequence[str], weights: Mapping[str, float], texts: Sequence[Sequence[str]]) -> list[float]:
    """Neighbours in the query that are near each other in a text, too: the share of the pairs of neighbouring query
    words, by their information, that stand within `REACH` words, each divided by the root of its distance. `words` are
    the query's prepared words in order, with their information in nats; `texts` those of each candidate."""
    pairs = [
        (family(one), family(other), weights.get(one, 0.0) + weights.get(other, 0.0)) for one, other in pairwise(words)
    ]
    pairs = [pair for pair in pairs if pair[0] != pair[1]]
    most = sum(weight for _, _, weight in pairs)
    wanted = {word for one, other, _ in pairs for word in (one, other)}
    return [_proximity(pairs, wanted, text) / most if most else 0.0 for text in texts]


def _proximity(pairs: Sequence[tuple[str, str, float]], wanted: set[str], text: Sequence[str]) -> float:
    """The weights of the pairs, each by its least distance. A pair may stand in either order."""
    last: dict[str, int] = {}
    least: dict[tuple[str, str], int] = {}
    wanted_pairs = {(one, other) for one, other, _ in pairs}
    for at, word in enumerate(text):
        kin = family(word)
        if kin not in wanted:
            continue
        for other, before in last.items():
            for pair in ((kin, other), (other, kin)):
                if pair in wanted_pairs:
                    least[pair] = min(at - before, least.get(pair, at))
        last[kin] = at
    near = {pair: gap for pair, gap in least.items() if gap <= REACH}
    result: float = sum(weight / near[one, other] ** 0.5 for one, other, weight in pairs if (one, other) in near)
    return result


def merge_into_ranks(scores: Sequence[float], model_scores: Sequence[float | None]) -> list[tuple[int, float]]:
    """The new order of rows that stand best first with their `scores`, by the `model_scores` of some of them (None: not
    scored): (number of the row, its new score), best first."""
    scored = [number for number, one in enumerate(model_scores) if one is not None]
    best = iter(sorted(scored, key=lambda number: (-(model_scores[number] or 0.0), number)))
    order = [number if model_scores[number] is None else next(best) for number in range(len(scores))]
    floors = [0.0] * len(order)  # the best score of what follows and has no model score
    for at in range(len(order) - 2, -1, -1):
        after = order[at + 1]
        floors[at] = floors[at + 1] if model_scores[after] is not None else max(scores[after], floors[at + 1])
    result, ceiling = [], 1.0
    for at, number in enumerate(order):
        model_score = model_scores[number]
        if model_score is None:
            ceiling = min(ceiling, scores[number])
            result.append((number, scores[number]))
        else:
            result.append((number, min(max(model_score, floors[at]), ceiling)))
    return result
