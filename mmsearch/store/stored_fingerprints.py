"""Reading the fingerprints of assets: their keys by asset, and the bodies of single ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mmsearch.store.snapshot import Snapshot
from mmsearch.store.words import chunks
from mmsearch.types import FingerprintForm


@dataclass(slots=True)
class AssetFingerprints:
    """The fingerprints of one asset: the id and key of each by form and place, and what else distinguishes two assets.

    `of`: (form, at) -> (fingerprint id, key), for look, frame and sound. `words`: the keys of its spans, in order."""

    asset_id: int
    kind: str
    format: str
    duration_s: float
    pages: int
    of: dict[tuple[str, float], tuple[int, bytes]] = field(default_factory=dict)
    words: list[bytes] = field(default_factory=list)


def fingerprints_of(snapshot: Snapshot, asset_ids: Sequence[int] | None = None) -> dict[int, AssetFingerprints]:
    """The fingerprints of complete assets that a file shows: of these, or of all. Bodies are not read."""
    found: dict[int, AssetFingerprints] = {}
    parts = [None] if asset_ids is None else list(chunks(list(asset_ids)))
    for some in parts:
        only = "" if some is None else f" AND a.id IN ({','.join('?' * len(some))})"
        values = [] if some is None else some
        where = f" WHERE a.visible = 1 AND a.state = 'complete'{only}"
        for asset_id, kind, format_, duration, pages in snapshot.connection.execute(
            "SELECT a.id, a.kind, a.format, json_extract(a.details, '$.duration_s'), json_extract(a.details, '$.pages')"
            f" FROM assets a{where}",
            values,
        ):
            found[asset_id] = AssetFingerprints(asset_id, kind, format_, float(duration or 0.0), int(pages or 1))
        for fingerprint_id, asset_id, form, at, key in snapshot.connection.execute(
            "SELECT p.id, p.asset_id, p.form, p.at, p.key FROM fingerprints p JOIN assets a ON a.id = p.asset_id"
            f"{where} ORDER BY p.asset_id, p.form, p.at",
            values,
        ):
            if form == FingerprintForm.TEXT:
                found[asset_id].words.append(key)
            else:
                found[asset_id].of[form, at] = (fingerprint_id, key)
    return {asset_id: one for asset_id, one in found.items() if one.of or one.words}


def body(snapshot: Snapshot, fingerprint_id: int) -> bytes:
    """The body of a fingerprint."""
    row = snapshot.connection.execute("SELECT body FROM fingerprints WHERE id = ?", (fingerprint_id,)).fetchone()
    return bytes(row[0]) if row else b""
