"""The few words that the ears know: speech, steady noise, silence. Each is a direction among their features.

The constants were fitted on made-up sounds, no recording among them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from mmsearch.models.audio_features import AudioFeatures
from mmsearch.models.picture_classifier import plain_words

if TYPE_CHECKING:
    import numpy as np

# A query names a sound if it is made of these words alone: "someone talking" does, "a speech on birds" does not, for
# what a speech is about is for its words to answer.
NAMES = {
    "speech": {"speech", "talk", "talking", "speaking", "spoken", "voice", "narration", "narrator"},
    "noise": {"noise", "hiss", "hissing"},
    "silence": {"silence", "silent"},
}
BESIDE = set(
    """a an the some of with in is are only just sound audio recording recorded clip track person people someone
    somebody human word memo message white pink background steady""".split()
)
# fmt: off
DIRECTIONS: dict[str, tuple[float, ...]] = {
    "speech": (
        0.07, -0.20, 0.22, -0.29, -0.14, -0.04, -0.05, 0.07, -0.03, 0.01, -0.04, -0.01, -0.02, -0.00, -0.03,
        -0.02, 0.45, 0.23, 0.25, 0.19, 0.11, 0.13, 0.10, 0.04, -0.04, -0.08, -0.12, -0.14, -0.14, -0.15, -0.17,
        -0.17, 0.41, 0.07, 0.02, 0.01, -0.02, -0.03, -0.03, -0.05, -0.07, -0.10, -0.11, -0.10, -0.10, -0.11,
        -0.11, -0.11,
    ),
    "noise": (
        -0.08, 0.02, 0.01, 0.04, -0.01, 0.00, -0.03, 0.02, -0.01, 0.01, -0.01, 0.01, -0.01, 0.01, -0.00, 0.00,
        -0.59, -0.38, -0.27, -0.21, -0.19, -0.18, -0.19, -0.17, -0.17, -0.17, -0.16, -0.15, -0.14, -0.12, -0.13,
        -0.13, -0.22, -0.13, -0.03, -0.01, 0.01, 0.01, 0.02, 0.02, 0.03, 0.03, 0.03, 0.02, 0.03, 0.04, 0.03,
        0.03,
    ),
}
# fmt: on
# Cosines with made-up sounds: 95 of 100 false ones are below the first, half of the true ones above the second.
SCALES = {"speech": (0.62, 0.82), "noise": (0.56, 0.69), "silence": (0.5, 0.75)}


class Heard(NamedTuple):
    """A word as a query of the ears: a unit vector, float32 (`Ears.size` + 1,), and what its cosines mean: the one that
    counts for nothing, and the one that is half a certainty."""

    vector: np.ndarray
    scale: tuple[float, float]


def named_sound(query: str) -> Heard | None:
    """The kind of sound that a query asks for and for nothing else; None where the ears should stay silent."""
    words = set(plain_words(query)) - BESIDE
    name = next((name for name, known in NAMES.items() if words and words <= known), None)
    if name is None:
        return None
    import numpy as np

    # The last number is the mark of silence, which has no other feature (see `senses.py`).
    vector = np.array([*DIRECTIONS.get(name, (0.0,) * AudioFeatures.size), float(name == "silence")], np.float32)
    return Heard(vector / np.linalg.norm(vector), SCALES[name])
