"""Sound and frames converted for a model: one extraction serves spaces with different rates and counts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


def resampled(sound: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """Sound, float32 (samples,), at another rate in Hz: by its spectrum, cut or continued with zeros."""
    import numpy as np

    if rate == wanted or not len(sound):
        return sound
    count = max(1, round(len(sound) * wanted / rate))
    spectrum = np.fft.rfft(sound)[: count // 2 + 1]
    return (np.fft.irfft(spectrum, count) * (count / len(sound))).astype(np.float32)


def in_parts(sound: np.ndarray, most: float) -> list[np.ndarray]:
    """Sound in equal parts of at most `most` samples (0: no limit). No parts of no sound."""
    import numpy as np

    if not len(sound):
        return []
    return list(np.array_split(sound, math.ceil(len(sound) / most))) if most else [sound]


def fewer(frames: np.ndarray, most: int) -> np.ndarray:
    """Frames, uint8 (frames, height, width, 3), evenly thinned out to at most `most` (0: no limit)."""
    import numpy as np

    if not most or len(frames) <= most:
        return frames
    result: np.ndarray = frames[((np.arange(most) + 0.5) * len(frames) / most).astype(int)]
    return result
