"""Files of a query as they are compared with the index to find their copies: one of the index by what it stores,
another one by what was decoded of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mmsearch.filestat import open_regular
from mmsearch.retrieval.queries.ad_hoc_files import Contents
from mmsearch.store.asset_sources import asset_key
from mmsearch.store.catalogue import BadRow
from mmsearch.store.snapshot import Snapshot
from mmsearch.store.stored_fingerprints import AssetFingerprints, fingerprints_of
from mmsearch.store.tokenization import tokens
from mmsearch.types import Extracted, FingerprintForm, Kind, Source, View, extractor_version

if TYPE_CHECKING:
    import numpy as np

MOST_SEGMENTS = 2_000  # of a file whose words are compared


@dataclass(frozen=True, slots=True, eq=False)
class QueryFile:
    """A file of a query. `words` are those of its own text in order, None where they are not all known; `vectors` are
    those of `Example`. `asset` is the asset of the index with the same bytes, `segment` the first that is meant of
    it."""

    fingerprints: AssetFingerprints
    vectors: Mapping[tuple[int, View], np.ndarray] = field(default_factory=dict)
    words: tuple[str, ...] | None = None
    asset: int | None = None
    bodies: Mapping[int, bytes] = field(default_factory=dict)  # of fingerprints that are not stored, by ids below 0
    segment: int | None = None
    terms: tuple[str, ...] = ()  # those of `Example.words`

    def comparable(self) -> bool:
        """Whether copies can be found without any model."""
        return self.asset is not None or bool(self.fingerprints.of)


def stored_file(
    snapshot: Snapshot,
    asset_id: int,
    segments: Sequence[int],
    page: int | None,
    whole: bool,
    vectors: Mapping[tuple[int, View], np.ndarray],
    terms: tuple[str, ...],
) -> QueryFile:
    """A file of the index. `segments` are those that are meant, `whole` is whether these are all; of one `page` only
    its image is compared."""
    found = fingerprints_of(snapshot, [asset_id]).get(asset_id)
    row = snapshot.connection.execute("SELECT kind, format FROM assets WHERE id = ?", (asset_id,)).fetchone()
    if row is None:
        raise BadRow("a file has content that the index does not hold")
    kind, format_ = row
    if found is None:
        found = AssetFingerprints(asset_id, str(kind), str(format_), 0.0, 1)
    if not whole:
        wanted = {(FingerprintForm.IMAGE, float(page))} if page is not None else set()
        found.of = {place: one for place, one in found.of.items() if place in wanted}
        found.words, found.pages = [], 1
    words = words_of_asset(snapshot, asset_id) if whole and found.kind in (Kind.TEXT, Kind.PDF, Kind.DOCUMENT) else None
    return QueryFile(found, vectors, words, asset_id, segment=segments[0] if segments else None, terms=terms)


def external_file(
    snapshot: Snapshot,
    source: Source,
    contents: Contents,
    further: Sequence[Extracted],
    whole: bool,
    vectors: Mapping[tuple[int, View], np.ndarray],
) -> QueryFile:
    """A file that was decoded: its first segments, and further ones of which only text and fingerprints count. `whole`
    is whether these are all."""
    details = contents.probe.details
    found = AssetFingerprints(
        0, source.kind, source.format, float(details.get("duration_s") or 0.0), int(details.get("pages") or 1)
    )
    bodies: dict[int, bytes] = {}
    texts: list[str] = []
    for extracted in (*contents.segments, *further):
        texts.append(extracted.segment.text)
        for one in extracted.fingerprints:
            if one.form == FingerprintForm.TEXT:
                found.words.append(one.key)
            else:
                bodies[-1 - len(bodies)] = one.body
                found.of[one.form, one.at] = (-len(bodies), one.key)
    known = source.kind in (Kind.TEXT, Kind.PDF, Kind.DOCUMENT) and whole
    words = tuple(tokens("\n".join(texts))) if known else None
    return QueryFile(found, vectors, words, _same_bytes(snapshot, source), bodies)


def words_of_asset(snapshot: Snapshot, asset_id: int) -> tuple[str, ...] | None:
    """The words of the own text of an asset in order; None for one of very many segments."""
    rows = snapshot.connection.execute(
        "SELECT text FROM segments WHERE asset_id = ? ORDER BY ordinal LIMIT ?", (asset_id, MOST_SEGMENTS + 1)
    ).fetchall()
    return None if len(rows) > MOST_SEGMENTS else tuple(tokens("\n".join(row[0] for row in rows)))


def _same_bytes(snapshot: Snapshot, source: Source) -> int | None:
    """The asset of the index that has the bytes of a file, none that has sidecars."""
    try:
        with os.fdopen(open_regular(source.path), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            if snapshot.connection.execute("SELECT 1 FROM files WHERE size = ? LIMIT 1", (size,)).fetchone() is None:
                return None  # a film is not read for nothing
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
    newest = extractor_version(source.kind, source.format)
    keys = [asset_key(digest, source.format, version) for version in range(newest, 0, -1)]
    row = snapshot.connection.execute(
        f"SELECT id FROM assets WHERE visible = 1 AND key IN ({','.join('?' * len(keys))}) ORDER BY extractor DESC",
        keys,
    ).fetchone()
    return int(row[0]) if row else None
