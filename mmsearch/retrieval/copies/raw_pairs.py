"""RAW photos and the JPEG or HEIC that the camera wrote beside them: one shot, whose two files share a row."""

from __future__ import annotations

import os
from collections.abc import Sequence

from mmsearch.store.snapshot import Snapshot
from mmsearch.store.words import chunks

RAW = "raw"
DEVELOPED = frozenset({"jpeg", "heif", "avif"})


def raw_pairs(snapshot: Snapshot, asset_ids: Sequence[int]) -> dict[int, set[int]]:
    """Of assets, by each the others of the same shot: a RAW photo, and pictures of its name in the same folder."""
    shots: dict[tuple[int, bytes], dict[str, set[int]]] = {}
    for some in chunks(list(asset_ids)):
        for asset_id, root_id, path, format_ in snapshot.connection.execute(
            "SELECT asset_id, root_id, path, format FROM files WHERE kind = 'image' AND asset_id IN"
            f" ({','.join('?' * len(some))})",
            some,
        ):
            if format_ == RAW or format_ in DEVELOPED:
                kinds = shots.setdefault((root_id, os.path.splitext(path)[0].lower()), {})
                kinds.setdefault(RAW if format_ == RAW else "developed", set()).add(asset_id)
    pairs: dict[int, set[int]] = {}
    for kinds in shots.values():
        for raw in kinds.get(RAW, ()):
            for developed in kinds.get("developed", ()):
                pairs.setdefault(raw, set()).add(developed)
                pairs.setdefault(developed, set()).add(raw)
    return pairs
