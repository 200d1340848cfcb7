"""Folding: copies among the places of an answer become one row. Only what was found is compared, best first."""

from __future__ import annotations

from collections.abc import Sequence

from mmsearch.store.snapshot import Snapshot
from mmsearch.store.stored_fingerprints import fingerprints_of

LEAST = 100  # assets of an answer that are compared with those that lead it


def group_leaders(snapshot: Snapshot, asset_ids: Sequence[int], k: int) -> dict[int, int]:
    """Of assets, best first, those that are copies of one of the `k` that lead: the asset that leads each. What stands
    far below these is left as it is."""
    from mmsearch.retrieval.duplicates import Comparer, neighbours

    order = list(dict.fromkeys(asset_ids))[: max(LEAST, 2 * k)]
    if len(order) < 2:
        return {}
    prints = fingerprints_of(snapshot, order)
    near = neighbours([prints[asset_id] for asset_id in order if asset_id in prints])
    comparer = Comparer(snapshot)
    leading: list[int] = []
    leaders: dict[int, int] = {}
    for asset_id in order:
        close = near.get(asset_id, ())
        leader = next(
            (other for other in leading if other in close and comparer.same(prints[other], prints[asset_id])), None
        )
        if leader is not None:
            leaders[asset_id] = leader
        elif len(leading) < k:
            leading.append(asset_id)
    return leaders
