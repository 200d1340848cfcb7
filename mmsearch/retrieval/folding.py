"""Folding: copies among the places of an answer become one row. Only what was found is compared, best first."""

from __future__ import annotations

from collections.abc import Sequence

from mmsearch.store.prints import prints_of
from mmsearch.store.snapshot import Snapshot

LEAST = 100  # assets of an answer that are compared: 75 ms where half of them are copies, 1 ms where none is


def led(snapshot: Snapshot, asset_ids: Sequence[int], k: int) -> dict[int, int]:
    """Of assets, best first, those that are copies of a better one: the asset that leads each. What stands far below
    the first `k` is left as it is."""
    from mmsearch.retrieval.duplicates import Comparer, neighbours

    order = list(dict.fromkeys(asset_ids))[: max(LEAST, 2 * k)]
    if len(order) < 2:
        return {}
    prints = prints_of(snapshot, order)
    near = neighbours([prints[asset_id] for asset_id in order if asset_id in prints])
    rank = {asset_id: number for number, asset_id in enumerate(order)}
    comparer = Comparer(snapshot)
    leaders: dict[int, int] = {}
    for asset_id in order:
        better = sorted(
            (other for other in near.get(asset_id, ()) if rank[other] < rank[asset_id]), key=rank.__getitem__
        )
        for other in better:
            if other not in leaders and comparer.same(prints[other], prints[asset_id]):
                leaders[asset_id] = other
                break
    return leaders
