"""Duplicates: which assets have the same content, and the groups of their files.

Candidate pairs share a band of a fingerprint's key, so their number grows with the duplicates and not with the square
of the files (locality-sensitive hashing; Indyk and Motwani, "Approximate nearest neighbors", STOC 1998). Candidates are
then compared in detail. Similarity is not transitive, and a chain of small differences joins unrelated files: a group
holds the files that are duplicates of its largest file, not of any member.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np

from mmsearch.extraction.fingerprints import combined_text_keys
from mmsearch.retrieval.copies.fingerprint_matching import (
    KEY_DISTANCE,
    ImageFingerprint,
    key_distances,
    same_audio,
    same_image,
)
from mmsearch.retrieval.copies.raw_pairs import raw_pairs
from mmsearch.store.roots import is_below
from mmsearch.store.snapshot import Snapshot
from mmsearch.store.stored_fingerprints import AssetFingerprints, body, fingerprints_of
from mmsearch.types import Copy, CopyGroup, FingerprintForm

LEAST_WORDS = {"html": 50, "xml": 50}  # of markup, whose meaning is not in its words alone; of other text one is enough
DURATION = 0.01  # of a recording's length, and at least
DURATION_S = 0.5
FRAMES, MOST_FRAMES = 0.9, 8  # share of a film's frames that are the same; how many are tried at first
LEAST_FRAMES = 3
KEY_BYTES, BANDS = 16, 8
CROWD = 16  # assets that a key is paired with where very many share a band of it
MOST_NEAR = 32  # candidates of an asset: comparing all pairs of ten thousand scans of one form would take days
TRIED = 3  # fingerprints of an asset from which candidate pairs are formed
LEAST_COMPARED = 100  # assets of an answer that are compared with the group leaders


class Comparer:
    """Compares assets of one snapshot. Bodies are read when they are needed; `bodies` are those of fingerprints that
    are not stored, by id."""

    def __init__(self, snapshot: Snapshot, bodies: Mapping[int, bytes] | None = None) -> None:
        self.snapshot = snapshot
        self.bodies = bodies or {}
        self._image = lru_cache(maxsize=512)(self._read_image)

    def same(self, one: AssetFingerprints, other: AssetFingerprints) -> bool:
        """Whether two assets have the same content, by their fingerprints."""
        kinds = {one.kind, other.kind}
        if kinds in ({"text"}, {"document"}, {"mail"}):
            return _same_text(one, other)
        if kinds <= {"image", "pdf"}:
            return self._same_pages(one, other)
        if len(kinds) > 1 or not _same_length(one, other):
            return False
        return self._same_sound(one, other) if kinds == {"audio"} else self._same_film(one, other)

    def _same_pages(self, one: AssetFingerprints, other: AssetFingerprints) -> bool:
        """Every page is the same, and where both have words of their own, all of these."""
        if one.pages != other.pages or not one.of or one.of.keys() != other.of.keys():
            return False
        if one.words and other.words and combined_text_keys(one.words) != combined_text_keys(other.words):
            return False
        return all(self._same_pixels(one.of[place], other.of[place]) for place in one.of)

    def _same_sound(self, one: AssetFingerprints, other: AssetFingerprints) -> bool:
        sounds = [place for place in one.of if place[0] == FingerprintForm.AUDIO]
        others = [place for place in other.of if place[0] == FingerprintForm.AUDIO]
        if not sounds or sounds != others:
            return False
        return all(same_audio(self._body(one.of[place][0]), self._body(other.of[place][0])) for place in sounds)

    def _same_film(self, one: AssetFingerprints, other: AssetFingerprints) -> bool:
        """Nearly all frames at the same times are the same, and the sound, where both have one."""
        frames = [place for place in one.of if place[0] == FingerprintForm.FRAME]
        both = [place for place in frames if place in other.of]
        fewer = min(len(frames), sum(place[0] == FingerprintForm.FRAME for place in other.of))
        if len(both) < max(LEAST_FRAMES, FRAMES * fewer):
            return False
        sounds = [place for place in one.of if place[0] == FingerprintForm.AUDIO and place in other.of]
        if not all(same_audio(self._body(one.of[place][0]), self._body(other.of[place][0])) for place in sounds):
            return False
        few = both[:: max(len(both) // MOST_FRAMES, 1)]
        if sum(self._same_pixels(one.of[place], other.of[place]) for place in few) < FRAMES * len(few) - 1:
            return False
        return sum(self._same_pixels(one.of[place], other.of[place]) for place in both) >= FRAMES * len(both)

    def _same_pixels(self, one: tuple[int, bytes], other: tuple[int, bytes]) -> bool:
        if len(one[1]) != len(other[1]):
            return False
        if int(key_distances(one[1], np.frombuffer(other[1], np.uint8)[None])[0]) > KEY_DISTANCE:
            return False
        a, b = self._image(one[0]), self._image(other[0])
        return a is not None and b is not None and same_image(a, b)

    def _read_image(self, fingerprint_id: int) -> ImageFingerprint | None:
        try:
            return ImageFingerprint(self._body(fingerprint_id))
        except ValueError:  # damage, which `verify` reports; here the asset has no duplicates
            return None

    def _body(self, fingerprint_id: int) -> bytes:
        return self.bodies.get(fingerprint_id) or body(self.snapshot, fingerprint_id)


def _same_text(one: AssetFingerprints, other: AssetFingerprints) -> bool:
    if not one.words or not other.words:
        return False
    number, value = combined_text_keys(one.words)
    least = max(LEAST_WORDS.get(one.format, 1), LEAST_WORDS.get(other.format, 1))
    return number >= least and (number, value) == combined_text_keys(other.words)


def _same_length(one: AssetFingerprints, other: AssetFingerprints) -> bool:
    longer = max(one.duration_s, other.duration_s)
    return abs(one.duration_s - other.duration_s) <= max(DURATION_S, DURATION * longer)


def groups(snapshot: Snapshot, within: Sequence[bytes] = (), exact: bool = False) -> list[CopyGroup]:
    """The groups of files with the same content, each largest file first, by the path of that. With `within` only
    groups that have a file at or below one of these paths; with `exact` only files of the same bytes."""
    files = _files(snapshot)
    joined = _alike(snapshot, files) if not exact else {asset_id: [asset_id] for asset_id in files}
    found = []
    for asset_ids in joined.values():
        copies = [
            Copy(path, kind, size, number)
            for number, asset_id in enumerate(asset_ids, 1)
            for path, kind, size in files[asset_id]
        ]
        named = not within or any(is_below(copy.path, folder) for copy in copies for folder in within)
        if len(copies) > 1 and named:
            found.append(CopyGroup(tuple(copies), len(asset_ids) == 1))
    return sorted(found, key=lambda group: group.files[0].path)


def _files(snapshot: Snapshot) -> dict[int, list[tuple[bytes, str, int]]]:
    """The files of each asset that can be seen: path, kind and size, by path."""
    found: dict[int, list[tuple[bytes, str, int]]] = {}
    for asset_id, root_id, path, kind, size in snapshot.connection.execute(
        "SELECT asset_id, root_id, path, kind, size FROM files WHERE asset_id IS NOT NULL AND size > 0"
    ):
        found.setdefault(asset_id, []).append((snapshot.absolute(root_id, path), str(kind), size))
    return {asset_id: sorted(each) for asset_id, each in found.items()}


def _alike(snapshot: Snapshot, files: dict[int, list[tuple[bytes, str, int]]]) -> dict[int, list[int]]:
    """By group leader, the largest file, the assets of the group, the leader first. Of equally large files the first by
    path leads."""
    fingerprints, comparer = fingerprints_of(snapshot), Comparer(snapshot)
    order = sorted(files, key=lambda asset_id: (-files[asset_id][0][2], files[asset_id][0][0]))
    near = neighbours([fingerprints[asset_id] for asset_id in order if asset_id in fingerprints])
    rank = {asset_id: number for number, asset_id in enumerate(order)}
    members: dict[int, list[int]] = {}
    taken: set[int] = set()
    for leader in order:
        if leader in taken:
            continue
        others = sorted((near.get(leader, set()) - taken) & rank.keys(), key=rank.__getitem__)
        members[leader] = [
            leader,
            *(other for other in others if comparer.same(fingerprints[leader], fingerprints[other])),
        ]
        taken.update(members[leader])
    return members


def neighbours(fingerprints: Sequence[AssetFingerprints]) -> dict[int, set[int]]:
    """By asset the candidates that it is to be compared with. Of many that share a whole key, the first is a candidate
    of all others."""
    texts: dict[tuple[int, int], int] = {}
    pairs: list[tuple[int, int]] = []
    images: list[tuple[int, bytes]] = []
    sounds: list[tuple[int, bytes]] = []
    near: dict[int, set[int]] = {}
    for one in fingerprints:
        if one.kind in ("text", "document", "mail") and one.words:
            first = texts.setdefault(combined_text_keys(one.words), one.asset_id)
            pairs += [(first, one.asset_id)] if first != one.asset_id else []
        seen = [key for (form, _), (_, key) in one.of.items() if form != FingerprintForm.AUDIO]
        images += [(one.asset_id, key) for key in seen[:TRIED]]
        if one.kind == "audio":
            sounds += [(one.asset_id, key) for _, key in one.of.values()][:1]
    for low, high in (*pairs, *_near_images(images).tolist(), *_near_sounds(sounds).tolist()):
        near.setdefault(low, set()).add(high)
        near.setdefault(high, set()).add(low)
    return near


def _near_images(keys: Sequence[tuple[int, bytes]]) -> np.ndarray:
    """Pairs, int64 (n, 2), whose keys share one of eight stretches of 16 signs and differ in few of all."""
    whole = [(asset_id, key) for asset_id, key in keys if len(key) == KEY_BYTES]
    ids = np.array([asset_id for asset_id, _ in whole], np.int64)
    signs = np.frombuffer(b"".join(key for _, key in whole), np.uint8).reshape(-1, KEY_BYTES)
    stretches = signs.view(">u2").astype(np.int64)
    first: dict[bytes, int] = {}
    same = [(first.setdefault(key, number), number) for number, (_, key) in enumerate(whole)]
    found = [np.array(same, np.int64).reshape(-1, 2)]
    for band in range(BANDS):
        others = [stretches[:, (band + step) % BANDS] for step in range(BANDS - 1, 0, -1)]
        order = np.lexsort((*others, stretches[:, band]))
        for some in _together(stretches[order, band], order):
            distance = np.bitwise_count(signs[some[:, 0]] ^ signs[some[:, 1]]).sum(axis=1, dtype=np.int64)
            found.append(some[distance <= KEY_DISTANCE])
    both = np.unique(np.sort(np.concatenate(found), axis=1), axis=0)
    distance = np.bitwise_count(signs[both[:, 0]] ^ signs[both[:, 1]]).sum(axis=1, dtype=np.int64)
    named = ids[both]
    apart = named[:, 0] != named[:, 1]
    return _nearest(named[apart], distance[apart])


def _near_sounds(keys: Sequence[tuple[int, bytes]]) -> np.ndarray:
    """Pairs, int64 (n, 2), that share the signs of two frames."""
    values = [np.unique(np.frombuffer(key[: len(key) // 4 * 4], "<u4")) for _, key in keys]
    ids = np.repeat(np.array([asset_id for asset_id, _ in keys], np.int64), [len(each) for each in values])
    every = np.concatenate([np.empty(0, np.uint32), *values])
    order = np.argsort(every, kind="stable")
    found = [np.sort(ids[some], axis=1) for some in _together(every[order], order)]
    both, times = np.unique(np.concatenate([np.empty((0, 2), np.int64), *found]), axis=0, return_counts=True)
    return _nearest(both[times > 1], -times[times > 1])


def _together(ranked: np.ndarray, order: np.ndarray) -> Iterator[np.ndarray]:
    """Pairs of what has the same value, int64 (n, 2): each with up to `CROWD` that follow it."""
    for step in range(1, min(CROWD, len(order) - 1) + 1):
        same = np.flatnonzero(ranked[step:] == ranked[:-step])
        if not len(same):
            return
        yield np.stack([order[same], order[same + step]], axis=1)


def _nearest(pairs: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Pairs that are among the `MOST_NEAR` nearest of one of the two."""
    ends = np.concatenate([pairs[:, 0], pairs[:, 1]])
    order = np.lexsort((np.tile(distance, 2), ends))
    begins = np.searchsorted(ends[order], ends[order])
    kept = np.zeros(len(ends), bool)
    kept[order] = np.arange(len(ends)) - begins < MOST_NEAR
    return pairs[kept[: len(pairs)] | kept[len(pairs) :]]


def group_leaders(snapshot: Snapshot, asset_ids: Sequence[int], k: int) -> dict[int, int]:
    """Of assets, best first, the group leader of each that is a duplicate of one of the `k` leaders, or the same
    shot (RAW beside JPEG). Assets far below these are not compared."""
    order = list(dict.fromkeys(asset_ids))[: max(LEAST_COMPARED, 2 * k)]
    if len(order) < 2:
        return {}
    fingerprints = fingerprints_of(snapshot, order)
    near = neighbours([fingerprints[asset_id] for asset_id in order if asset_id in fingerprints])
    comparer, paired = Comparer(snapshot), raw_pairs(snapshot, order)
    leading: list[int] = []
    leaders: dict[int, int] = {}
    for asset_id in order:
        close = near.get(asset_id, ())
        leader = next(
            (
                other
                for other in leading
                if other in paired.get(asset_id, ())
                or (other in close and comparer.same(fingerprints[other], fingerprints[asset_id]))
            ),
            None,
        )
        if leader is not None:
            leaders[asset_id] = leader
        elif len(leading) < k:
            leading.append(asset_id)
    return leaders
