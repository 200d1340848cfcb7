"""Shot detection on a sequence of small pictures, and the choice of a key frame.

After the comparison of colour histograms of Zhang, Kankanhalli and Smoliar ("Automatic partitioning of full-motion
video", Multimedia Systems 1993, which also compares over a longer distance to catch gradual transitions) with the
threshold relative to the neighbourhood of Yeo and Liu ("Rapid scene analysis on compressed video", IEEE CSVT 1995);
and a rule of our own for slides, whose text changes while the rest stays.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

SHORTEST_S = 1.5
LONGEST_S = 20.0
STEP_CHANGE = 0.10  # of two neighbours, on the scale of `change`: what is smaller is never a cut
SUSPECT_CHANGE = 0.08  # of two pictures some seconds apart: what is smaller holds no cut
SLOW_CHANGE = 0.16  # over a second, for dissolves and fades
OVER_NEIGHBOURS = 2.25  # times the median change around it
AROUND = 8  # samples to each side
SLOW = 4  # samples between the two sides of a gradual transition
SLOW_S = 1.5  # no wider than this where samples are missing
STILL = 3  # samples without any change on both sides of a new slide
GRID = 8
STILL_BLOCK = 6.0  # grey levels by which no block of two equal pictures differs
BLACK_LEVEL, FLAT_LEVEL = 20.0, 4.0


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A frame as the input of shot detection: its time in seconds, histograms (48,) each channel summing to 1, block
    means (GRID, GRID, 3) in 0..255, the small picture uint8 (height, width, 3) and its luma (height, width), and its
    sharpness."""

    time_s: float
    histogram: np.ndarray
    blocks: np.ndarray
    picture: np.ndarray
    luma: np.ndarray
    sharpness: float


def sample(time_s: float, picture: np.ndarray) -> Sample:
    """A sample from a small picture, uint8 (height, width, 3) RGB, at least `GRID` pixels each way."""
    import numpy as np

    pixels = picture.astype(np.float32)
    luma = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    channels = (luma, 128 + 0.564 * (pixels[..., 2] - luma), 128 + 0.713 * (pixels[..., 0] - luma))
    histograms = [_histogram(channel) for channel in channels]
    height, width = (side // GRID * GRID for side in luma.shape)
    tiles = np.stack([channel[:height, :width] for channel in channels], axis=-1)
    blocks = tiles.reshape(GRID, height // GRID, GRID, width // GRID, 3).mean(axis=(1, 3))
    edges = 4 * luma[1:-1, 1:-1] - luma[:-2, 1:-1] - luma[2:, 1:-1] - luma[1:-1, :-2] - luma[1:-1, 2:]
    return Sample(time_s, np.concatenate(histograms), blocks, picture, luma, float(np.abs(edges).mean()))


def _histogram(channel: np.ndarray) -> np.ndarray:
    """16 bins, blurred over neighbours so that a slight change of light doesn't jump a bin."""
    import numpy as np

    counts = np.bincount((channel / 16).astype(np.int64).clip(0, 15).ravel(), minlength=16) / channel.size
    padded = np.pad(counts, 1, mode="edge")
    return (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4


def change(a: Sample, b: Sample) -> float:
    """How different two pictures are, 0 to 1: half by their colours, half by where the colours are."""
    import numpy as np

    colours = float(np.abs(a.histogram - b.histogram).sum()) / 6
    places = min(1.0, float(np.abs(a.blocks - b.blocks).mean()) / 48)
    return (colours + places) / 2


def is_same_picture(a: Sample, b: Sample) -> bool:
    """Whether no small part of two pictures differs, so that OCR of the second one would yield the text of the
    first."""
    return is_same_luma(a.luma, b.luma)


def is_same_luma(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether no small part of two pictures differs by their grey levels, (height, width)."""
    import numpy as np

    if a.shape != b.shape:
        return False
    height, width = (side // 4 * 4 for side in a.shape)
    differences = (a - b)[:height, :width].reshape(height // 4, 4, width // 4, 4)
    return float(np.abs(differences.mean(axis=(1, 3))).max()) < STILL_BLOCK


def suspected_cuts(samples: Sequence[Sample]) -> list[tuple[float, float]]:
    """The times of neighbouring samples, a second or two apart, between which a cut may lie: two that differ, and two
    still pictures that are not equal."""
    steps = [(a, b, is_same_picture(a, b)) for a, b in itertools.pairwise(samples)]
    found = []
    for i, (a, b, same) in enumerate(steps):
        still = any(near for _, _, near in steps[max(i - 1, 0) : i + 2])
        if change(a, b) >= SUSPECT_CHANGE or (still and not same):
            found.append((a.time_s, b.time_s))
    return found


def cuts(samples: Sequence[Sample]) -> list[float]:
    """Times of shot changes, ascending: each the time of the first sample of a new shot, none closer than
    `SHORTEST_S` to another or to either end."""
    import numpy as np

    if len(samples) < 3:
        return []
    steps = np.array([change(a, b) for a, b in itertools.pairwise(samples)])
    sides = [(max(i - SLOW // 2, 0), min(i + SLOW // 2, len(samples) - 1)) for i in range(1, len(samples))]
    pairs = [(samples[left], samples[right]) for left, right in sides]
    slow = np.array([change(a, b) if b.time_s - a.time_s <= SLOW_S else 0.0 for a, b in pairs])
    strength = np.maximum(_local_peaks(steps, STEP_CHANGE), _local_peaks(slow, SLOW_CHANGE) * 0.5)
    strength = np.maximum(strength, _slide_changes(samples) * 0.01)
    found: list[float] = []
    for i in np.argsort(-strength, kind="stable"):
        if strength[i] <= 0:
            break
        time_s = samples[i + 1].time_s
        if all(abs(time_s - other) >= SHORTEST_S for other in (*found, samples[0].time_s, samples[-1].time_s)):
            found.append(time_s)
    return sorted(found)


def _slide_changes(samples: Sequence[Sample]) -> np.ndarray:
    """1 where one still picture is replaced by another, however little differs: slides, pages, screens."""
    import numpy as np

    same = np.array([is_same_picture(a, b) for a, b in itertools.pairwise(samples)])
    out = np.zeros(len(same))
    for i in np.flatnonzero(~same):
        still = i >= STILL and same[i - STILL : i].all() and same[i + 1 : i + 1 + STILL].sum() == STILL
        out[i] = float(still)
    return out


def _local_peaks(changes: np.ndarray, least: float) -> np.ndarray:
    """The changes that are the largest within a second and far above the median around them; the others are zero."""
    import numpy as np

    out = np.zeros_like(changes)
    for i, value in enumerate(changes):
        around = changes[max(i - AROUND, 0) : i + AROUND + 1]
        near = changes[max(i - SLOW // 2, 0) : i + SLOW // 2 + 1]
        if value >= max(least, OVER_NEIGHBOURS * float(np.median(around))) and value >= near.max():
            out[i] = value
    return out


def split(start_s: float, end_s: float, cut_times: Sequence[float]) -> list[tuple[float, float]]:
    """`[start, end)` of the scenes between the cuts, each at most `LONGEST_S`: longer ones in equal parts."""
    scenes = []
    edges = [start_s, *(time_s for time_s in cut_times if start_s < time_s < end_s), end_s]
    for start, end in itertools.pairwise(edges):
        parts = max(1, math.ceil((end - start) / LONGEST_S - 1e-6))
        places = [start + (end - start) * i / parts for i in range(parts)] + [end]
        scenes += list(itertools.pairwise(places))
    return scenes


def key_sample(samples: Sequence[Sample], start_s: float, end_s: float) -> Sample | None:
    """The sample that represents a scene: sharp, near the middle, and neither black nor blank if possible."""
    inside = [one for one in samples if start_s <= one.time_s < end_s]
    middle, half = (start_s + end_s) / 2, max((end_s - start_s) / 2, 1e-6)

    def quality(one: Sample) -> tuple[bool, float]:
        visible = float(one.luma.mean()) > BLACK_LEVEL and float(one.luma.std()) > FLAT_LEVEL
        return visible, (1 + one.sharpness) * (1 - 0.6 * abs(one.time_s - middle) / half)

    return max(inside, key=quality, default=None)
