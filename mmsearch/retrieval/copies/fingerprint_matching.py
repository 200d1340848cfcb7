"""Whether two fingerprints are those of duplicates. A false match is worse than a missed duplicate.

Two pictures are the same where no small part of them differs more than sizes and encodings make it differ. So the
difference of their maps is measured against the contrast around each place: encodings disturb edges, and what is
moved, added or gone stands where the other picture has something else or nothing.
"""

from __future__ import annotations

from copy import copy

import numpy as np

from mmsearch.extraction.fingerprints import PAPER_EDGE, SILENT, image_fingerprint_body

KEY_DISTANCE = 16  # of 128 signs; see benchmarks/RESULTS.md for this and what follows
WINDOW = 5  # cells of a map that count as around
PICTURE = (0.5, 10.0, 0.8)  # difference at most; noise in levels that encodings add; cells for a pixel of the smaller
PAPER = (0.22, 16.0, 0.6)
COLOURS = (0.7, 10.0)
COARSE = 8  # pixels of the larger picture that a cell of paper may span: less than a letter
SPOT = 30.0  # times what nine in ten places differ: a change in one place, and not the noise of an encoding
UNSEEN = 0.01  # of difference that is no change at all
SHAPE = 0.02  # two widths to heights, besides rounding
GAIN, OFFSET = (0.8, 1.25), 32.0  # how much brighter or darker a copy may be, and where any light will do
ANY_GAIN, ANY_OFFSET = (0.3, 3.0), 160.0
TINTED = 4.0  # levels of colour, below which a picture is grey
DARK, BRIGHT = 6.0, 249.0  # levels beyond which brightness may have been cut off
CELLS = (256, 192, 128, 96, 64, 48, 32, 24)

SHIFT = 3  # frames by which encoders delay a copy
SIGN_ERRORS = 0.25  # of 24 signs a frame; unrelated sounds differ in half of them
AUDIBLE = 0.8  # of the frames that are audible in one are so in the other too


def key_distances(key: bytes, others: np.ndarray) -> np.ndarray:
    """The Hamming distance of an image key to others, uint8 (n, 16): int64 (n,)."""
    result: np.ndarray = np.bitwise_count(np.bitwise_xor(others, np.frombuffer(key, np.uint8))).sum(
        axis=1, dtype=np.int64
    )
    return result


class ImageFingerprint:
    """The map of an image, ready to be compared. Raises `ValueError` for a body that is none."""

    def __init__(self, body: bytes) -> None:
        self.width, self.height, self.grey, self.colours = image_fingerprint_body(body)
        self.short = min(self.width, self.height)
        self.paper = len(self.grey) == PAPER_EDGE
        self.tint = float(np.sqrt(((self.colours - 128) ** 2).sum(axis=0).mean()))

    def mirrored(self) -> ImageFingerprint:
        """The same picture mirrored."""
        result = copy(self)
        result.grey = np.ascontiguousarray(self.grey[:, ::-1])
        result.colours = np.ascontiguousarray(self.colours[:, :, ::-1])
        return result


def same_image(one: ImageFingerprint, other: ImageFingerprint, any_light: bool = False) -> bool:
    """Whether two pictures are one, as far as their maps show. With `any_light` one may be much darker, or grey."""
    least, paper = min(one.short, other.short), one.paper or other.paper
    shapes = np.log(one.width * other.height / (one.height * other.width))
    if abs(shapes) > SHAPE + 1 / least:
        return False
    most, noise, share = PAPER if paper else PICTURE
    cells = next((each for each in CELLS if each <= min(least * share, len(one.grey), len(other.grey))), 0)
    if not cells or (paper and max(one.short, other.short) > cells * COARSE):
        return False
    a, b = pooled(one.grey, cells), pooled(other.grey, cells)
    inside = (a > DARK) & (a < BRIGHT) & (b > DARK) & (b < BRIGHT)
    if any_light or inside.mean() < 0.05:
        inside[:] = True
    gain, offset = _brightness(a[inside], b[inside], *((ANY_GAIN, ANY_OFFSET) if any_light else (GAIN, OFFSET)))
    places, marked = _differences(np.clip(gain * a + offset, 0, 255)[None], b[None], noise)
    peak = float(places.max())
    if peak > most or (paper and peak > UNSEEN and peak > SPOT * float(np.quantile(places[marked], 0.9))):
        return False
    if any_light and min(one.tint, other.tint) < TINTED:
        return True
    colours, _ = _differences((one.colours - 128) * gain, other.colours - 128, COLOURS[1])
    return bool(colours.max() <= COLOURS[0])


def _brightness(a: np.ndarray, b: np.ndarray, gains: tuple[float, float], most: float) -> tuple[float, float]:
    """The gain and offset that make `a` most like `b`, within these gains and offsets of at most so many levels."""
    spread = float(a.std())
    gain = float(((a - a.mean()) * (b - b.mean())).mean()) / (spread * spread) if spread > 1 else 1.0
    gain = min(max(gain, gains[0]), gains[1])
    offset = float(b.mean() - gain * a.mean())
    return gain, min(max(offset, -most), most)


def _differences(a: np.ndarray, b: np.ndarray, noise: float) -> tuple[np.ndarray, np.ndarray]:
    """Around each cell the mean square of `a - b` over the larger variance and the noise's, float64 (n, n): 0 the same,
    about 1 something else; and where there is more contrast than noise (bool, at least one cell). Maps of shape
    (channels, n, n)."""
    error = window_mean((a - b) ** 2)
    contrast = np.maximum(window_mean(a * a) - window_mean(a) ** 2, window_mean(b * b) - window_mean(b) ** 2)
    variance = np.maximum(contrast, 0).sum(axis=0)
    return error.sum(axis=0) / (variance + noise * noise), variance >= min(noise * noise, float(variance.max()))


def window_mean(maps: np.ndarray) -> np.ndarray:
    """The mean of the window around each cell, float64, of maps (channels, n, n)."""
    half = WINDOW // 2
    padded = np.pad(maps.astype(np.float64), ((0, 0), (half, half), (half, half)), mode="edge")
    sums = np.pad(padded.cumsum(axis=1).cumsum(axis=2), ((0, 0), (1, 0), (1, 0)))
    total = sums[:, WINDOW:, WINDOW:] - sums[:, :-WINDOW, WINDOW:] - sums[:, WINDOW:, :-WINDOW]
    result: np.ndarray = (total + sums[:, :-WINDOW, :-WINDOW]) / (WINDOW * WINDOW)
    return result


def pooled(grey: np.ndarray, cells: int) -> np.ndarray:
    """A grey map with so many cells a side, float32 (cells, cells)."""
    from PIL import Image

    if len(grey) == cells:
        return grey
    return np.asarray(Image.fromarray(grey).resize((cells, cells), Image.Resampling.BILINEAR))


def same_audio(one: bytes, other: bytes) -> bool:
    """Whether two stretches of sound are one, by the bodies of their fingerprints, however they are encoded."""
    a, b = np.frombuffer(one[: len(one) // 4 * 4], "<u4"), np.frombuffer(other[: len(other) // 4 * 4], "<u4")
    return any(_overlaps(a[max(shift, 0) :], b[max(-shift, 0) :]) for shift in range(-SHIFT, SHIFT + 1))


def _overlaps(a: np.ndarray, b: np.ndarray) -> bool:
    length = min(len(a), len(b))
    if max(len(a), len(b)) - length > 2 * SHIFT + 0.02 * length:
        return False
    a, b = a[:length], b[:length]
    audible = (a != SILENT) & (b != SILENT)
    if audible.sum() < AUDIBLE * max((a != SILENT).sum(), (b != SILENT).sum(), 1):
        return False
    errors = np.bitwise_count(np.bitwise_xor(a[audible], b[audible])).mean() / 24
    return bool(errors <= SIGN_ERRORS)
