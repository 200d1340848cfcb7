"""The reranking seat: a second look at the best candidates, asked for by `--rerank`.

`builtin` sees the words of the candidates and says of each how near the query's words stand, 0..1. A share of what is
missing to 1 is paid for that, so scores stay on their scale and the contribution of `rerank` is what it added.

A model (see `judging.py`) judges anew. The places that it judged change seats among themselves, best first; all others
keep theirs: those beyond `--rerank-top`, those that it had no time for or can't look at, and what was found by the very
name or number that was typed, of which a model knows nothing. A judged place's score is the model's, held between
those of its neighbours that were not judged, so that scores fall from rank to rank; the contribution of `rerank` is
what that added or took.
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
    asked = {(one, other) for one, other, _ in pairs}
    for at, word in enumerate(text):
        kin = family(word)
        if kin not in wanted:
            continue
        for other, before in last.items():
            for pair in ((kin, other), (other, kin)):
                if pair in asked:
                    least[pair] = min(at - before, least.get(pair, at))
        last[kin] = at
    near = {pair: gap for pair, gap in least.items() if gap <= REACH}
    result: float = sum(weight / near[one, other] ** 0.5 for one, other, weight in pairs if (one, other) in near)
    return result


def merge_into_ranks(scores: Sequence[float], said: Sequence[float | None]) -> list[tuple[int, float]]:
    """The new order of rows that stand best first with their `scores`, by what a model `said` of some of them: (number
    of the row, its new score), best first."""
    judged = [number for number, one in enumerate(said) if one is not None]
    best = iter(sorted(judged, key=lambda number: (-(said[number] or 0.0), number)))
    order = [number if said[number] is None else next(best) for number in range(len(scores))]
    floors = [0.0] * len(order)  # the best score of what follows and was not judged
    for at in range(len(order) - 2, -1, -1):
        after = order[at + 1]
        floors[at] = floors[at + 1] if said[after] is not None else max(scores[after], floors[at + 1])
    result, ceiling = [], 1.0
    for at, number in enumerate(order):
        judgement = said[number]
        if judgement is None:
            ceiling = min(ceiling, scores[number])
            result.append((number, scores[number]))
        else:
            result.append((number, min(max(judgement, floors[at]), ceiling)))
    return result
