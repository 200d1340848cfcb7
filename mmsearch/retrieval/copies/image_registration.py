"""Registration of two pictures: the affine map from the one to the other, by their small grey maps.

The inverse compositional algorithm (Baker and Matthews, "Lucas-Kanade 20 years on", IJCV 2004), on 32, then 64 cells a
side (128 for small signs), from a grid of zooms and turns, upright and mirrored. Brightness and contrast do not matter,
and what lies at the border counts nothing: crops and turned corners differ there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from mmsearch.retrieval.copies.fingerprint_matching import ImageFingerprint, pooled

Array = npt.NDArray[np.float32]

ZOOMS = (1.0, 0.83, 1.2, 0.91, 1.1)
ROTATIONS = (0.0, -0.052, 0.052, -0.026, 0.026)  # radians
COARSE, FINE, FINEST = 32, 64, 128  # cells a side; the last for pictures on paper whose correlation is above
REFINED = 0.85
PLAUSIBLE = 0.4, 0.6  # correlations that a picture must have on the grid, and after the steps on COARSE
STARTS, KEPT = 6, 2  # that are followed from the grid on COARSE, and from there on FINE, of each picture
STEPS, FINE_STEPS, FINEST_STEPS = 12, 8, 6
LARGEST_STEP = 0.15  # of half a picture's side
BORDER, COARSE_BORDER = 0.06, 0.12  # of a side; blurs carry what lies at it inwards
OVERLAP, AREA = 0.4, (0.4, 2.5)  # of the query's picture; of a cell after the map


@dataclass(frozen=True, slots=True, eq=False)
class Registration:
    """A map from the query's picture to another: `matrix` float32 (2, 3) over coordinates from -1 to 1, of the
    `mirrored` other picture; the correlation of the two; and the share of the query's picture that lies in the
    other."""

    matrix: Array
    mirrored: bool
    correlation: float
    overlap: float


NONE = Registration(np.eye(2, 3, dtype=np.float32), False, -1.0, 0.0)


def register(query: ImageFingerprint, others: Sequence[ImageFingerprint]) -> list[Registration]:
    """The registration of a picture with each of the others; one with a correlation of -1 where there is none."""
    if not others:
        return []
    count, starts = len(others), _starts(query.width / query.height)
    template, both = _maps([query], COARSE, 2)[0], _with_mirrored(_maps(others, COARSE, 2))
    which, matrices = np.repeat(np.arange(2 * count), len(starts)), np.tile(starts, (2 * count, 1, 1))
    first = _correlations(template, both, which, matrices)[0].reshape(2, count, len(starts))
    rows: list[tuple[int, int]] = []
    for number in np.flatnonzero(first.max(axis=(0, 2)) > PLAUSIBLE[0]):
        best = np.argsort(-first[:, number].ravel(), kind="stable")[:STARTS]
        rows += [(number + count * (one // len(starts)), one % len(starts)) for one in best]
    if not rows:
        return [NONE] * count
    which, matrices = np.array([row[0] for row in rows]), starts[[row[1] for row in rows]]
    matrices = _descended(template, both, which, matrices, STEPS)
    score = _correlations(template, both, which, matrices)[0]
    kept = [row for row in _best(score, which % count, count, KEPT) if score[row] > PLAUSIBLE[1]]
    if not kept:
        return [NONE] * count
    template, both = _maps([query], FINE, 1)[0], _with_mirrored(_maps(others, FINE, 1))
    which, matrices = which[kept], _descended(template, both, which[kept], matrices[kept], FINE_STEPS)
    score, overlap = _correlations(template, both, which, matrices)
    found = [NONE] * count
    for row in _best(score, which % count, count, 1):
        found[which[row] % count] = Registration(
            matrices[row], bool(which[row] >= count), float(score[row]), float(overlap[row])
        )
    return [
        _refined(query, other, one) if (query.paper or other.paper) and one.correlation > REFINED else one
        for other, one in zip(others, found, strict=True)
    ]


def _refined(query: ImageFingerprint, other: ImageFingerprint, one: Registration) -> Registration:
    """A registration of pictures of small signs on a finer grid; the same where that finds no better one."""
    template, map_ = _maps([query], FINEST, 1)[0], _maps([other], FINEST, 1)
    seen, none = map_[:, :, :: -1 if one.mirrored else 1], np.zeros(1, np.intp)
    seen = np.ascontiguousarray(seen)
    matrix = _descended(template, seen, none, one.matrix[None], FINEST_STEPS)
    before, after = (_correlations(template, seen, none, each)[0][0] for each in (one.matrix[None], matrix))
    return replace(one, matrix=matrix[0]) if after > before else one


def warped(maps: Array, which: npt.NDArray[np.intp], matrices: Array) -> tuple[Array, npt.NDArray[np.bool_]]:
    """Maps (m, n, n) seen through matrices (b, 2, 3), float32 (b, n * n), by bilinear interpolation, and where they
    are defined."""
    cells = maps.shape[1]
    at = (matrices @ grid(cells) + 1) / 2 * cells - 0.5
    inside = ((at >= 0) & (at <= cells - 1)).all(axis=1)
    at = np.clip(at, 0, cells - 1.001)
    whole = at.astype(np.int32)
    x, y = (at - whole)[:, 0], (at - whole)[:, 1]
    flat, place = maps.ravel(), (which * cells * cells)[:, None] + whole[:, 1] * cells + whole[:, 0]
    above = flat[place] * (1 - x) + flat[place + 1] * x
    below = flat[place + cells] * (1 - x) + flat[place + cells + 1] * x
    seen: Array = above * (1 - y) + below * y
    return seen, inside


@lru_cache(maxsize=8)
def grid(cells: int) -> Array:
    """The homogeneous coordinates of the middles of cells, float32 (3, cells * cells)."""
    line = (np.arange(cells, dtype=np.float32) + 0.5) / cells * 2 - 1
    x, y = np.meshgrid(line, line)
    return np.stack([x.ravel(), y.ravel(), np.ones(cells * cells, np.float32)])


@lru_cache(maxsize=8)
def inner(cells: int) -> Array:
    """1 for cells away from the border, else 0: float32 (cells * cells,)."""
    border = COARSE_BORDER if cells <= COARSE else BORDER
    across, down = np.abs(grid(cells)[:2]) < 1 - 2 * border
    return np.asarray(across & down, np.float32)


def _starts(aspect: float) -> Array:
    """Maps to begin with, float32 (n, 2, 3): zooms and turns of a picture `aspect` times as wide as high."""
    found = []
    for zoom in ZOOMS:
        for turn in ROTATIONS:
            cosine, sine = zoom * np.cos(turn), zoom * np.sin(turn)
            found.append([[cosine, -sine / aspect, 0], [sine * aspect, cosine, 0]])
    return np.array(found, np.float32)


def blurred(picture: ImageFingerprint, cells: int, times: int) -> Array:
    """The grey map of a picture with so many cells a side, blurred so many times, float32 (cells, cells)."""
    map_: Array = pooled(picture.grey, cells).astype(np.float32)
    for _ in range(times):
        padded = np.pad(map_, 1, mode="edge")
        rows = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / np.float32(4)
        map_ = (rows[:, :-2] + 2 * rows[:, 1:-1] + rows[:, 2:]) / np.float32(4)
    return map_


def _maps(pictures: Sequence[ImageFingerprint], cells: int, blurs: int) -> Array:
    return np.stack([blurred(picture, cells, blurs) for picture in pictures])


def _with_mirrored(maps: Array) -> Array:
    return np.ascontiguousarray(np.concatenate([maps, maps[:, :, ::-1]]))


def _best(score: Array, owner: npt.NDArray[np.intp], count: int, most: int) -> list[int]:
    """The rows of each owner with the highest scores."""
    best: list[int] = []
    for number in range(count):
        rows = np.flatnonzero(owner == number)
        best += rows[np.argsort(-score[rows], kind="stable")[:most]].tolist()
    return best


def _moments(template: Array, seen: Array, weight: Array) -> tuple[Array, ...]:
    """The deviations of the template and of what is seen of the others, their weighted products, and the weights."""
    total = weight.sum(axis=1) + 1e-6
    a = seen - ((weight * seen).sum(axis=1) / total)[:, None]
    b = template - ((weight * template).sum(axis=1) / total)[:, None]
    return a, b, (weight * a * a).sum(axis=1), (weight * b * b).sum(axis=1), (weight * a * b).sum(axis=1), total


def _correlations(template: Array, maps: Array, which: npt.NDArray[np.intp], matrices: Array) -> tuple[Array, Array]:
    """The correlations (b,), -1 for an implausible map, and the overlaps (b,)."""
    base = inner(len(template))
    seen, inside = warped(maps, which, matrices)
    _, _, aa, bb, ab, total = _moments(template.ravel(), seen, inside * base)
    overlap: Array = np.asarray(total / base.sum(), np.float32)
    area = np.linalg.det(matrices[:, :, :2])
    plausible = (overlap > OVERLAP) & (area > AREA[0]) & (area < AREA[1])
    score: Array = np.asarray(np.where(plausible, ab / np.sqrt(aa * bb + 1e-6), -1.0), np.float32)
    return score, overlap


def _descended(template: Array, maps: Array, which: npt.NDArray[np.intp], matrices: Array, steps: int) -> Array:
    """Matrices (b, 2, 3) after so many steps of Gauss and Newton, in which outliers weigh little."""
    cells = len(template)
    x, y = grid(cells)[:2]
    down, right = np.gradient(template)
    gx, gy = right.ravel() * cells / 2, down.ravel() * cells / 2
    slopes = np.stack([gx * x, gx * y, gx, gy * x, gy * y, gy], axis=1)
    squares = (slopes[:, :, None] * slopes[:, None, :]).reshape(len(slopes), 36)
    base = inner(cells)
    for _ in range(steps):
        seen, inside = warped(maps, which, matrices)
        weight = inside * base
        a, b, aa, _, ab, total = _moments(template.ravel(), seen, weight)
        error = np.clip(ab / (aa + 1e-3), 0.25, 4.0)[:, None] * a - b
        usual = np.sqrt((weight * error * error).sum(axis=1) / total) + 2
        weight = (weight / (1 + (error / (1.5 * usual[:, None])) ** 2)).astype(np.float32)
        hessian = (weight @ squares).reshape(-1, 6, 6)
        damping = 1.0 + 1e-3 * np.trace(hessian, axis1=1, axis2=2)[:, None, None] / 6
        step = np.linalg.solve(hessian + damping * np.eye(6), ((weight * error) @ slopes)[..., None])[..., 0]
        change, whole = np.tile(np.eye(3), (len(step), 1, 1)), np.tile(np.eye(3), (len(step), 1, 1))
        change[:, :2] += np.clip(step, -LARGEST_STEP, LARGEST_STEP).reshape(-1, 2, 3)
        whole[:, :2] = matrices
        matrices = (whole @ np.linalg.inv(change))[:, :2].astype(np.float32)
    return matrices
