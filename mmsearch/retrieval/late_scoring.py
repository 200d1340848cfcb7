"""The signal of a late-interaction space: the best candidates of all signals, scored by their token vectors.

The score of a document is the mean over the query's vectors of the largest dot product with one of the document's
(MeanMaxSim); a model that says MaxSim takes the sum, which orders the same and is what `--explain` shows. It is
calibrated as any similarity across modalities is: against the query's scores of the view's background sample, with
those of anchor texts as the prior of a small index.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, zip_longest
from typing import TYPE_CHECKING

from mmsearch.retrieval.ranking import ViewScores, standardise_across
from mmsearch.store import token_vectors
from mmsearch.store.snapshot import Snapshot
from mmsearch.store.spaces import SpaceRow
from mmsearch.store.token_vectors import TokenVectors

if TYPE_CHECKING:
    import numpy as np

CANDIDATES = 200  # that are scored: their token vectors are read for it
BACKGROUND = 100  # parts of the background sample; more would cost as much as the candidates
ANCHORED = 16  # of these that anchor texts are compared with
_STEP = 16_384  # vectors that are compared at a time: they and their products stay in the processor's cache


def late_view(
    snapshot: Snapshot, space: SpaceRow, view: str, query: np.ndarray, ids: list[int], lists: Sequence[Sequence[int]]
) -> tuple[list[float | None], ViewScores]:
    """The scores of the candidates `ids` by a query's token vectors, float32 (n, dimension): the model's own (None for
    those that were not scored) and z. `lists` are what each signal found, best first: the first CANDIDATES of them, in
    turn, that have this view are scored."""
    import numpy as np

    scored = best_of(snapshot, space, view, ids, lists)
    found = scores(query, token_vectors.of_segments(snapshot, space.id, view, scored, space.dimension))
    background = snapshot.cached(
        ("late", space.id, view),
        lambda: token_vectors.of_background(snapshot, space.id, view, BACKGROUND, space.dimension),
    )
    usual = np.array(list(scores(query, background).values()), np.float64)
    own = np.array([found.get(i, np.nan) for i in ids], np.float64)
    z = standardise_across(own, usual, _anchors(snapshot, space, view, background))
    factor = len(query) if is_sum(space) else 1
    raw = [None if np.isnan(value) else float(value) * factor for value in own]
    return raw, ViewScores(f"{space.name}:{view}", z)


def best_of(
    snapshot: Snapshot, space: SpaceRow, view: str, ids: Sequence[int], lists: Sequence[Sequence[int]]
) -> list[int]:
    """The candidates that are scored: the first of each list, then the second, and so on."""
    admitted = set(ids)
    alternating = (i for i in chain.from_iterable(zip_longest(*lists, [])) if i in admitted)
    ordered = list(dict.fromkeys([*alternating, *ids]))
    able = token_vectors.segments_with(snapshot, space.id, view, ordered)
    return [i for i in ordered if i in able][:CANDIDATES]


def scores(query: np.ndarray, documents: TokenVectors) -> dict[int, float]:
    """MeanMaxSim of a query, float32 (n, width), with each owner of the documents: that of its best part."""
    import numpy as np

    total = len(documents.scales)
    ends = [*documents.starts[1:].tolist(), total]
    best: dict[int, float] = {}
    part = 0
    while part < len(ends):
        first, last = part, part
        while last < len(ends) and ends[last] - int(documents.starts[first]) <= _STEP:
            last += 1
        last = max(last, first + 1)
        low, high = int(documents.starts[first]), ends[last - 1]
        products = query @ documents.values[low:high].astype(np.float32).T
        products *= documents.scales[low:high]
        means = np.maximum.reduceat(products, documents.starts[first:last] - low, axis=1).mean(axis=0)
        for owner, value in zip(documents.owners[first:last], means.tolist(), strict=True):
            best[owner] = max(best.get(owner, value), value)
        part = last
    return best


def is_sum(space: SpaceRow) -> bool:
    """Whether the model's own score is a sum over the query's vectors, not their mean."""
    return any(facts.get("late", {}).get("similarity") == "maxsim" for facts in space.fingerprint.values())


def _anchors(snapshot: Snapshot, space: SpaceRow, view: str, background: TokenVectors) -> np.ndarray:
    """The scores of anchor texts against the first parts of the background, float64 (n,)."""
    import numpy as np

    from mmsearch.encoding.encoders import anchor_tokens, signature

    if not background.owners:
        return np.empty(0)
    end = int(background.starts[ANCHORED]) if len(background.starts) > ANCHORED else len(background.scales)
    few = TokenVectors(
        background.values[:end], background.scales[:end], background.starts[:ANCHORED], background.owners[:ANCHORED]
    )

    def compared() -> np.ndarray:
        return np.array([value for one in anchor_tokens(space) for value in scores(one, few).values()], np.float64)

    return snapshot.cached(("late anchors", space.id, view, signature(space)), compared)
