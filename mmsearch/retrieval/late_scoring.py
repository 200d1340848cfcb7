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
from mmsearch.store.token_vectors import PartVectors

if TYPE_CHECKING:
    import numpy as np

CANDIDATES = 200  # that are scored: their token vectors are read for it
BACKGROUND = 100  # parts of the background sample; more would cost as much as the candidates
ANCHORED = 16  # of these that anchor texts are compared with


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


def scores(query: np.ndarray, documents: Sequence[PartVectors]) -> dict[int, float]:
    """MeanMaxSim of a query, float32 (n, width), with each owner of the documents: that of its best part.

    One part at a time: its vectors and products stay in the processor's cache, which is quicker than one large product
    and doesn't wait for other threads."""
    import numpy as np

    across = np.ascontiguousarray(query.T)
    best: dict[int, float] = {}
    for part in documents:
        products = part.values.astype(np.float32) @ across
        products *= part.scales[:, None]
        value = float(products.max(axis=0).mean())
        best[part.owner] = max(best.get(part.owner, value), value)
    return best


def is_sum(space: SpaceRow) -> bool:
    """Whether the model's own score is a sum over the query's vectors, not their mean."""
    return any(facts.get("late", {}).get("similarity") == "maxsim" for facts in space.fingerprint.values())


def _anchors(snapshot: Snapshot, space: SpaceRow, view: str, background: Sequence[PartVectors]) -> np.ndarray:
    """The scores of anchor texts against the first parts of the background, float64 (n,)."""
    import numpy as np

    from mmsearch.encoding.encoders import anchor_tokens, signature

    few = background[:ANCHORED]

    def compared() -> np.ndarray:
        return np.array([value for one in anchor_tokens(space) for value in scores(one, few).values()], np.float64)

    return snapshot.cached(("late anchors", space.id, view, signature(space)), compared)
