"""Whether two pictures are one, though resized, cropped, turned a little, mirrored, darkened or without colour.

Registered with each other, copies agree everywhere but for noise. Two photos of one subject do not, and the pages,
receipts and charts of one series agree on the form and differ in a few words or bars: so pictures on paper, with a
plain ground, are compared in more detail, by the places where they differ most.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from mmsearch.extraction.fingerprints import SMALLEST
from mmsearch.retrieval.copies.fingerprint_matching import TINTED, ImageFingerprint, same_image, window_mean
from mmsearch.retrieval.copies.image_registration import Registration, blurred, grid, inner, register, warped
from mmsearch.store.snapshot import Snapshot
from mmsearch.store.stored_fingerprints import body

CELLS, PAPER_CELLS = 96, 224  # a side, on which registered pictures are compared
NOISE = 8.0  # grey levels that encodings and resampling add
CORRELATION = 0.85  # of two registered pictures at least
GAIN = (0.3, 3.0)
SEEN = 0.35  # of the query's picture that must be compared
# Differences of copies at most, as shares of the contrast around a place: their mean over photos; over paper what one
# place in a hundred exceeds, and the largest. See benchmarks/RESULTS.md.
PHOTO_MEAN, PAPER_MOST, PAPER_PEAK = 0.3, 0.78, 2.0
COLOUR_AGREEMENT = 0.5  # cosine of the colours of copies at least, where both have any
FRAMED = 0.02  # of half a side, by which pictures of the same frame lie apart
LEGIBLE = 60  # pixels of a picture on paper from which `same_image` knows each of 273 altered ones
WORSE, APART = 1.5, 0.05  # how much worse a copy on paper fits than the best one before it is doubted


class CandidatePage(NamedTuple):
    """A picture or page of the index."""

    asset_id: int
    segment_id: int
    fingerprint_id: int


def agreement_of_pages(
    snapshot: Snapshot, fingerprint_id: int, bodies: Mapping[int, bytes], pages: Iterable[CandidatePage]
) -> dict[CandidatePage, float]:
    """How well each of the pages that are copies agrees with the picture of a fingerprint, in 0..1. `bodies` are those
    of fingerprints that are not stored."""
    query = _fingerprint(snapshot, fingerprint_id, bodies)
    read = [(page, _fingerprint(snapshot, page.fingerprint_id, bodies)) for page in pages]
    known = [(page, one) for page, one in read if one is not None]
    if query is None:
        return {}
    registered = register(query, [one for _, one in known])
    found: list[tuple[CandidatePage, ImageFingerprint, Agreement]] = []
    for (page, one), registration in zip(known, registered, strict=True):
        agreement = agreement_of(query, one, registration)
        if agreement is not None:
            found.append((page, one, agreement))
    return {page: agreement.sure for page, _, agreement in _without_siblings(found)}


def _without_siblings(
    found: list[tuple[CandidatePage, ImageFingerprint, Agreement]],
) -> list[tuple[CandidatePage, ImageFingerprint, Agreement]]:
    """The copies without others of a series: those on paper that the one which fits best differs from in a place."""
    papers = sorted((each for each in found if each[2].paper), key=lambda each: each[2].difference)
    if len(papers) < 2:
        return found
    best = papers[0]
    registered = register(best[1], [one for _, one, _ in papers[1:]])
    dropped = set()
    for (page, one, agreement), registration in zip(papers[1:], registered, strict=True):
        if _one_frame(best[1], one, registration):
            told_apart = not same_image(best[1], one, any_light=True)
        else:
            worse = agreement.difference > WORSE * best[2].difference + APART
            told_apart = worse and agreement_of(best[1], one, registration) is None
        if told_apart:
            dropped.add(page)
    return [each for each in found if each[0] not in dropped]


def _one_frame(one: ImageFingerprint, other: ImageFingerprint, registration: Registration) -> bool:
    """Whether two pictures on paper show the same part, so that their smallest signs can be compared."""
    still = np.array([[1, 0, 0], [0, 1, 0]], np.float32)
    near = float(np.abs(registration.matrix - still).max()) < FRAMED
    return near and not registration.mirrored and min(one.short, other.short) >= LEGIBLE


def _fingerprint(snapshot: Snapshot, fingerprint_id: int, bodies: Mapping[int, bytes]) -> ImageFingerprint | None:
    try:
        return ImageFingerprint(bodies.get(fingerprint_id) or body(snapshot, fingerprint_id))
    except ValueError:  # damage, which `verify` reports
        return None


class Agreement(NamedTuple):
    """How sure it is that two pictures are copies, 0..1; by how much they differ; and whether they are on paper."""

    sure: float
    difference: float
    paper: bool


def agreement_of(query: ImageFingerprint, other: ImageFingerprint, registration: Registration) -> Agreement | None:
    """The agreement of two registered pictures; None where they are not copies."""
    if registration.mirrored:
        other, registration = other.mirrored(), replace(registration, mirrored=False)
    if registration.correlation < CORRELATION or not _same_colours(query, other, registration):
        return None
    paper = query.paper or other.paper
    differences = local_differences(query, other, registration, _cells(query, other, paper))
    if differences is None:
        return None
    value, most = (np.quantile(differences, 0.99), PAPER_MOST) if paper else (differences.mean(), PHOTO_MEAN)
    if paper and _one_frame(query, other, registration):
        same = same_image(query, other, any_light=True)
    else:
        same = value <= most and not (paper and differences.max() > PAPER_PEAK)
    return Agreement(max(1.0 - float(value) / most, 0.0), float(value), paper) if same else None


def _cells(one: ImageFingerprint, other: ImageFingerprint, paper: bool) -> int:
    """The cells a side on which two pictures are compared: fewer than the pixels of the smaller one."""
    return max(min(PAPER_CELLS if paper else CELLS, one.short, other.short), SMALLEST)


def _same_colours(query: ImageFingerprint, other: ImageFingerprint, registration: Registration) -> bool:
    """Whether two registered pictures have the same colours where both have any."""
    cells = query.colours.shape[1]
    if min(query.tint, other.tint) < TINTED:
        return True
    seen, inside = warped(other.colours, np.arange(2), np.repeat(registration.matrix[None], 2, 0))
    kept = inside[0] & (inner(cells) > 0)
    if not kept.any():
        return False
    a, b = query.colours.reshape(2, -1)[:, kept] - 128, seen[:, kept] - 128
    return bool((a * b).sum() >= COLOUR_AGREEMENT * np.sqrt((a * a).sum() * (b * b).sum()))


def local_differences(
    query: ImageFingerprint, other: ImageFingerprint, registration: Registration, cells: int
) -> np.ndarray | None:
    """Of pictures that are not mirrored, the mean square of the difference around each place with contrast, over the
    contrast there, float64 (n,): 0 the same, about 1 something else. None where too little can be compared."""
    blurs = 1 if cells > CELLS else 0  # what the interpolation blurs in the one is not to differ from the other
    template, map_ = blurred(query, cells, blurs), blurred(other, cells, blurs)
    seen, inside = warped(map_[None], np.zeros(1, np.intp), registration.matrix[None])
    kept = inside[0] & (inner(cells) > 0) & (np.abs(registration.matrix @ grid(cells)) < 0.88).all(axis=0)
    if kept.mean() < SEEN:
        return None
    kept, seen = kept.reshape(cells, cells), seen.reshape(cells, cells)
    a, b = seen[kept], template[kept]
    spread = float(a.var())
    gain = float(np.clip(((a - a.mean()) * (b - b.mean())).mean() / (spread + 1e-3), *GAIN))
    even = np.where(kept, gain * (seen - a.mean()) + b.mean(), template)
    error = window_mean(((even - template) ** 2)[None])[0]
    contrast = np.maximum(_variance(even), _variance(template))
    marked = kept & (contrast > NOISE**2)
    result: np.ndarray = (error / (contrast + NOISE**2))[marked if marked.any() else kept]
    return result


def _variance(grey: np.ndarray) -> np.ndarray:
    result: np.ndarray = window_mean((grey * grey)[None])[0] - window_mean(grey[None])[0] ** 2
    return result
