"""Which rows of a word table are worth scoring for a query: an FTS5 expression whose cost has a bound.

Scoring takes about a microsecond a row, so that three words of which each stands in 50,000 of a million passages would
take longer than all the rest of a query. The rarest words bring up every row that holds them, as many as `LOOKUP_ROWS`
allows; of those beyond it, rows that hold two of the query's words. In an index of fewer rows nothing is left out, nor
where a filter leaves few: what it lets through may hold the common words only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations

from mmsearch.store.tokenization import FAMILY, family
from mmsearch.store.vocabulary import quoted

LOOKUP_ROWS = 30_000


def candidate_expression(words: Sequence[str], frequency: Callable[[str], int], bounded: bool = True) -> str:
    """The FTS5 expression for some words of a query; `frequency` gives the rows that hold one."""
    ordered = sorted(words, key=frequency)
    kept, rows = 0, 0
    while kept < len(ordered):
        rows += frequency(ordered[kept])
        if bounded and kept and rows > LOOKUP_ROWS:
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
