"""How pictures are fitted to the image encoder, and gathered into batches of one shape."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmsearch.models.media.picture_classifier import fit

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Height and width that a picture is fitted to, by its proportions: about 260 x 260 pixels each, so that wide and tall
# pictures keep their detail; multiples of 32, as the backbone's strides ask. Pictures are stretched, never padded.
SHAPES: tuple[tuple[int, int], ...] = (
    (256, 256), (224, 288), (288, 224), (192, 352), (352, 192), (128, 512), (512, 128),
)  # fmt: skip


def by_shape(pictures: Sequence[np.ndarray], batch: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pictures in batches of one shape: row numbers, and pixels fitted to the shape, uint8 (n, height, width, 3)."""
    shapes = np.array([nearest_shape(*picture.shape[:2]) for picture in pictures], int)
    for shape, size in enumerate(SHAPES):
        rows = np.flatnonzero(shapes == shape)
        for start in range(0, len(rows), batch):
            some = rows[start : start + batch]
            yield some, np.stack([fit(pictures[row], size) for row in some])


def nearest_shape(height: int, width: int) -> int:
    """Index of the shape with the nearest proportions."""
    wanted = np.log(max(width, 1) / max(height, 1))
    return int(np.argmin([abs(np.log(w / h) - wanted) for h, w in SHAPES]))
