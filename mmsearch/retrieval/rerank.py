"""The reranking seat: a second look at the best candidates, asked for by `--rerank`.

A reranker sees the query and the words of a few candidates and says of each how well it answers, 0..1. A share of what
is missing to 1 is paid for that, so scores stay on their scale and the contribution of `rerank` is what it added. It
can't push a candidate below one that it did not see.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Protocol

from mmsearch.errors import UsageError
from mmsearch.store.words import family

BUILTIN = "builtin"
SHARE = 0.05  # of what is missing to 1; twice of it began to lose on docstrings and German
REACH = 12  # words: further apart, two words do not stand together


class Reranker(Protocol):
    """What re-orders candidates. `words` are the query's prepared words in order, with their information in nats;
    `texts` the prepared words of each candidate. Gives a number in 0..1 for each candidate, higher is better."""

    name: str

    def judge(self, words: Sequence[str], weights: Mapping[str, float], texts: Sequence[Sequence[str]]) -> list[float]:
        """How well each text answers."""


class Nearness:
    """Neighbours in the query that are near each other in the text, too: the share of the pairs of neighbouring query
    words, by their information, that stand within `REACH` words, each divided by the root of its distance."""

    name = BUILTIN

    def judge(self, words: Sequence[str], weights: Mapping[str, float], texts: Sequence[Sequence[str]]) -> list[float]:
        """The nearness of each text, 0..1."""
        pairs = [
            (family(one), family(other), weights.get(one, 0.0) + weights.get(other, 0.0))
            for one, other in pairwise(words)
        ]
        pairs = [pair for pair in pairs if pair[0] != pair[1]]
        most = sum(weight for _, _, weight in pairs)
        wanted = {word for one, other, _ in pairs for word in (one, other)}
        return [_nearness(pairs, wanted, text) / most if most else 0.0 for text in texts]


def _nearness(pairs: Sequence[tuple[str, str, float]], wanted: set[str], text: Sequence[str]) -> float:
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
    return sum(weight / near[one, other] ** 0.5 for one, other, weight in pairs if (one, other) in near)


def resolve(name: str) -> Reranker:
    """The reranker of a name. Raises `UsageError` for one that is not known."""
    if name != BUILTIN:
        raise UsageError(f"There is no reranker called {name}.", "The one there is: --rerank builtin")
    return Nearness()
