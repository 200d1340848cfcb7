"""Copies of the files of a query: which assets of an index have the same content, and how sure that is.

Candidates come from image embeddings and fingerprint keys, from sounds and films of the same length, and from texts
that share rare words. Each is then confirmed by a test of its own: the registration of two pictures
(`image_registration.py`), the signs of two sounds, the frames of two films, the shingles of two texts (Broder, "On the
resemblance and containment of documents", 1997).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mmsearch.models import builtin
from mmsearch.query import Match
from mmsearch.retrieval.copies.duplicates import KEY_BYTES, Comparer
from mmsearch.retrieval.copies.fingerprint_matching import key_distances
from mmsearch.retrieval.copies.picture_copy_detection import CandidatePage, agreement_of_pages
from mmsearch.retrieval.queries.query_files import QueryFile, words_of_asset
from mmsearch.store.snapshot import Snapshot
from mmsearch.store.stored_fingerprints import AssetFingerprints, fingerprints_of
from mmsearch.store.vocabulary import WORDS, Vocabulary, quoted
from mmsearch.store.words import chunks
from mmsearch.types import FingerprintForm, Kind, View

SAME_BYTES, COPY, COPIES_END = 1.0, 0.9, 0.99  # scores of the same bytes, and of the least and the surest copy
NEAREST = (12, 48, 192, 768)  # candidates by embeddings: more, as long as half of them are copies
NEAR_KEYS, KEY_LIMIT = 16, 24  # candidates by the keys of fingerprints, and how many of 128 signs may differ
MOST_PAGES = 3  # of a document by which candidates are found
MOST_RECORDINGS = 200  # of the same length that are compared
TEXTS = 60  # candidates by words
SHINGLE = 5  # words
RESEMBLANCE = 0.8  # of the shingles of two texts: copies share at least as many
LEAST_WORDS = 20  # of a text that is compared by shingles; shorter ones must be equal


@dataclass(frozen=True, slots=True)
class FoundCopy:
    """A copy of a file of a query: the segment that is shown for it, its score on the scale of likeness, and what kind
    of match it is."""

    asset_id: int
    segment_id: int
    score: float
    match: Match


def find_copies(snapshot: Snapshot, files: Sequence[QueryFile]) -> dict[int, FoundCopy]:
    """The copies of files, by the segment that shows them. The files themselves are among them where the index holds
    them."""
    best: dict[int, FoundCopy] = {}
    for file in files:
        for one in _copies(snapshot, file):
            if one.asset_id not in best or one.score > best[one.asset_id].score:
                best[one.asset_id] = one
    return {one.segment_id: one for one in best.values()}


def _copies(snapshot: Snapshot, file: QueryFile) -> Iterator[FoundCopy]:
    if file.asset is not None:
        segment = file.segment or _first_segments(snapshot, [file.asset]).get(file.asset)
        if segment is not None:
            yield FoundCopy(file.asset, segment, SAME_BYTES, Match.SAME_BYTES)
    found: dict[int, tuple[float, int | None]] = {}  # by asset: how sure, and the segment
    if file.fingerprints.kind in (Kind.IMAGE, Kind.PDF):
        found |= _pages(snapshot, file) if len(file.fingerprints.of) == 1 else _documents(snapshot, file)
    elif file.fingerprints.kind in (Kind.AUDIO, Kind.VIDEO):
        found |= dict.fromkeys(_recordings(snapshot, file), (1.0, None))
    if file.words:
        for asset_id, share in _texts(snapshot, file).items():
            found.setdefault(asset_id, (share, None))
    found.pop(file.asset or 0, None)
    first = _first_segments(snapshot, list(found))
    for asset_id, (sure, segment) in found.items():
        if asset_id in first:
            score = COPY + (COPIES_END - COPY) * min(max(sure, 0.0), 1.0)
            yield FoundCopy(asset_id, segment or first[asset_id], score, Match.COPY)


def _first_segments(snapshot: Snapshot, asset_ids: Sequence[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for some in chunks(list(asset_ids)):
        for asset_id, segment_id in snapshot.connection.execute(
            f"SELECT asset_id, id FROM segments WHERE asset_id IN ({','.join('?' * len(some))}) ORDER BY ordinal", some
        ):
            found.setdefault(asset_id, segment_id)
    return found


def _pages(snapshot: Snapshot, file: QueryFile) -> dict[int, tuple[float, int | None]]:
    """Pictures and pages that show the one picture or page of a file: how well they agree, and their segments."""
    ((fingerprint_id, key),) = file.fingerprints.of.values()
    agreements: dict[CandidatePage, float] = {}
    tried = {fingerprint_id}
    for most in NEAREST:
        pages = {page.fingerprint_id: page for page in _candidate_pages(snapshot, file, key, most)}
        new = [page for fingerprint, page in pages.items() if fingerprint not in tried]
        tried |= pages.keys()
        found = agreement_of_pages(snapshot, fingerprint_id, file.bodies, new)
        agreements |= found
        if 2 * len(found) < len(new) or not new:  # of many copies the next ones are copies too
            break
    result: dict[int, tuple[float, int | None]] = {}
    for page, sure in agreements.items():
        if page.asset_id not in result or sure > result[page.asset_id][0]:
            result[page.asset_id] = sure, page.segment_id
    return result


def _candidate_pages(snapshot: Snapshot, file: QueryFile, key: bytes, most: int) -> Iterator[CandidatePage]:
    """Pictures and pages that may be copies: the nearest by image embeddings, and those with nearly the same key."""
    ids = _near_by_vectors(snapshot, file, View.IMAGE, most)
    for some in chunks(list(dict.fromkeys(ids))):
        for row in snapshot.connection.execute(
            "SELECT s.asset_id, s.id, p.id FROM segments s JOIN fingerprints p ON p.asset_id = s.asset_id"
            " AND p.form = ? AND p.at = coalesce(s.page, 1) JOIN assets a ON a.id = s.asset_id"
            f" WHERE a.visible = 1 AND s.id IN ({','.join('?' * len(some))})",
            (FingerprintForm.IMAGE, *some),
        ):
            yield CandidatePage(*row)
    for asset_id, at, fingerprint_id in _near_by_key(snapshot, key):
        segment = snapshot.connection.execute(
            "SELECT id FROM segments WHERE asset_id = ? AND coalesce(page, 1) = ?", (asset_id, int(at))
        ).fetchone()
        if segment is not None:
            yield CandidatePage(asset_id, segment[0], fingerprint_id)


def _near_by_vectors(snapshot: Snapshot, file: QueryFile, view: View, most: int) -> list[int]:
    """The segments nearest to a file in the space made for copies, else in every space that embeds this view of it."""
    spaces = [space_id for space_id, of in file.vectors if of is view]
    names = {space.id: space.name for space in snapshot.spaces()}
    made_for_it = [space_id for space_id in spaces if names.get(space_id) in (builtin.SIMILARITY, builtin.LIKENESS)]
    return [
        segment_id
        for space_id in made_for_it or spaces
        for segment_id, _ in snapshot.nearest(space_id, view, file.vectors[space_id, view], most)
    ]


def _near_by_key(snapshot: Snapshot, key: bytes) -> list[tuple[int, float, int]]:
    """Asset, page and id of the image fingerprints whose keys differ in few signs, nearest first."""
    rows, keys = snapshot.cached("image fingerprint keys", lambda: _image_keys(snapshot))
    if len(key) != KEY_BYTES or not rows:
        return []
    distances = key_distances(key, keys)
    near = np.argsort(distances, kind="stable")[:NEAR_KEYS]
    return [rows[number] for number in near if distances[number] <= KEY_LIMIT]


def _image_keys(snapshot: Snapshot) -> tuple[list[tuple[int, float, int]], np.ndarray]:
    """Asset, page and id of all image fingerprints, and their keys, uint8 (n, 16)."""
    found = snapshot.connection.execute(
        "SELECT p.asset_id, p.at, p.id, p.key FROM fingerprints p JOIN assets a ON a.id = p.asset_id"
        " WHERE a.visible = 1 AND p.form = ? AND length(p.key) = ?",
        (FingerprintForm.IMAGE, KEY_BYTES),
    ).fetchall()
    keys = np.frombuffer(b"".join(row[3] for row in found), np.uint8).reshape(-1, KEY_BYTES)
    return [(row[0], row[1], row[2]) for row in found], keys


def _documents(snapshot: Snapshot, file: QueryFile) -> dict[int, tuple[float, int | None]]:
    """Documents of several pages that have the same pages as a file."""
    own = file.fingerprints
    keys = [key for _, key in list(own.of.values())[:MOST_PAGES]]
    near = dict.fromkeys(asset_id for key in keys for asset_id, _, _ in _near_by_key(snapshot, key))
    comparer = Comparer(snapshot, file.bodies)
    return {
        other.asset_id: (1.0, None)
        for other in fingerprints_of(snapshot, list(near)).values()
        if other.asset_id != file.asset and comparer.same(*_in_common(own, other))
    }


def _in_common(own: AssetFingerprints, other: AssetFingerprints) -> tuple[AssetFingerprints, AssetFingerprints]:
    """Two documents without the pages after the last that is known of the first."""
    last = max((at for _, at in own.of), default=0.0)
    if last >= own.pages or own.asset_id:
        return own, other
    return replace(own, words=[]), replace(
        other, of={place: one for place, one in other.of.items() if place[1] <= last}
    )


def _recordings(snapshot: Snapshot, file: QueryFile) -> list[int]:
    """Sounds, or films, of the same length that are the same."""
    own = file.fingerprints
    rows = snapshot.connection.execute(
        "SELECT id FROM assets WHERE visible = 1 AND kind = ? AND json_extract(details, '$.duration_s') IS NOT NULL"
        " ORDER BY abs(json_extract(details, '$.duration_s') - ?), id LIMIT ?",
        (own.kind, own.duration_s, MOST_RECORDINGS),
    ).fetchall()
    comparer = Comparer(snapshot, file.bodies)
    found = fingerprints_of(snapshot, [row[0] for row in rows])
    return [asset_id for asset_id, other in found.items() if asset_id != file.asset and comparer.same(own, other)]


def _texts(snapshot: Snapshot, file: QueryFile) -> dict[int, float]:
    """Texts and documents with the same words as a file: the share of shingles that they have in common."""
    assert file.words is not None
    result: dict[int, float] = {}
    own = _shingles(file.words)
    for asset_id in _text_candidates(snapshot, file):
        words = words_of_asset(snapshot, asset_id)
        if words is None or asset_id == file.asset:
            continue
        if min(len(words), len(file.words)) < LEAST_WORDS:
            share = float(words == file.words)
        else:
            other = _shingles(words)
            share = len(own & other) / len(own | other)
        if share >= RESEMBLANCE:
            result[asset_id] = (share - RESEMBLANCE) / (1.0 - RESEMBLANCE)
    return result


def _shingles(words: Sequence[str]) -> set[tuple[str, ...]]:
    return {tuple(words[at : at + SHINGLE]) for at in range(max(len(words) - SHINGLE + 1, 1))}


def _text_candidates(snapshot: Snapshot, file: QueryFile) -> Iterable[int]:
    """Texts and documents that share rare words with a file, or are near to it in a space of texts."""
    table = Vocabulary(snapshot.connection, WORDS, snapshot.filtered)
    ids = table.best(" OR ".join(map(quoted, file.terms)), TEXTS) if file.terms else []
    ids += _near_by_vectors(snapshot, file, View.TEXT, TEXTS)
    assets = sorted(set(snapshot.assets_of(list(dict.fromkeys(ids))).values()))
    found: list[int] = []
    for some in chunks(assets):
        sql = f"SELECT id FROM assets WHERE kind IN (?, ?, ?) AND id IN ({','.join('?' * len(some))}) ORDER BY id"
        found += [row[0] for row in snapshot.connection.execute(sql, (Kind.TEXT, Kind.PDF, Kind.DOCUMENT, *some))]
    return found
