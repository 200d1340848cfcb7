"""Audio features from the statistics of a log-mel spectrum, and the audio classes that a query can name."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mmsearch.models.picture_classifier import plain_words

if TYPE_CHECKING:
    import numpy as np


RATE = 16_000  # Hz
WINDOW, HOP = 512, 160  # samples: 32 ms, every 10 ms
BANDS = 40  # mel bands from 50 Hz to 8 kHz
CEPSTRA = 16  # coefficients of a frame's spectrum, its loudness left out
QUIET_DB = 40.0  # frames so far below the loudest are silence, and left out

# Middle of the features (mean, spread and change of every coefficient) and the usual distance from it, over 240
# made-up sounds (seed 5; the training recipe computes them). Without a middle all sounds
# would look alike: spreads are never negative, and every spectrum falls towards its high end.
MIDDLE = np.array(
    [
        [28.4, -2.3, 3.0, -3.3, -1.3, -1.0, -1.7, -0.8, 0.4, -0.1, -0.4, -0.4, -0.2, 0.0, 0.1, -0.1],
        [15.0, 10.9, 8.0, 7.5, 6.8, 6.3, 6.8, 6.6, 6.9, 7.0, 7.6, 7.4, 6.9, 6.6, 6.8, 6.7],
        [7.8, 6.1, 4.7, 4.5, 4.1, 3.8, 3.9, 3.8, 3.8, 3.9, 4.0, 3.8, 3.7, 3.8, 3.7, 3.7],
    ],
    np.float32,
)
USUAL = np.array([[86.0], [27.0], [9.4]], np.float32)


class AudioFeatures:
    """Likeness of sounds: near vectors sound alike (bark and bark, rain and rain); not what is said or played."""

    size = CEPSTRA * 3

    def likeness(self, wave: np.ndarray, rate: int = RATE) -> np.ndarray:
        """Float32 mono samples to a float32 unit vector (size,); a silent or empty clip gives zeros.

        `wave` is at 16 kHz; another rate raises ValueError, because resampling belongs to the decoder.
        """
        if rate != RATE:
            raise ValueError(f"the ears need sound at {RATE} Hz, not {rate}")
        bands = log_mel(np.asarray(wave, np.float32))
        if bands is None:
            return np.zeros(self.size, np.float32)
        centred = ((describe(bands) - MIDDLE) / USUAL).ravel()
        return centred / max(float(np.linalg.norm(centred)), 1e-6)


@lru_cache(maxsize=1)
def mel_filters() -> np.ndarray:
    """float32 (WINDOW // 2 + 1, BANDS): triangles, evenly spaced on the mel scale (O'Shaughnessy 1987: 2595 log10)."""
    mel = np.linspace(2595 * np.log10(1 + 50 / 700), 2595 * np.log10(1 + 8000 / 700), BANDS + 2)
    edges = 700 * (10 ** (mel / 2595) - 1)
    hertz = np.fft.rfftfreq(WINDOW, 1 / RATE)[:, None]
    rising = (hertz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - hertz) / (edges[2:] - edges[1:-1])
    return np.clip(np.minimum(rising, falling), 0, None).astype(np.float32)


@lru_cache(maxsize=1)
def cosines() -> np.ndarray:
    """float32 (BANDS, CEPSTRA): the orthonormal cosine transform, without its constant term."""
    angles = np.pi / BANDS * (np.arange(BANDS)[:, None] + 0.5) * np.arange(1, CEPSTRA + 1)
    return (np.cos(angles) * np.sqrt(2 / BANDS)).astype(np.float32)


def log_mel(wave: np.ndarray) -> np.ndarray | None:
    """Decibels, float32 (frames, BANDS); None if there is nothing to hear."""
    wave = np.pad(wave, (0, max(0, WINDOW - len(wave))))
    frames = np.lib.stride_tricks.sliding_window_view(wave, WINDOW)[::HOP]
    window = np.hanning(WINDOW).astype(np.float32)
    total = np.concatenate(
        [
            (np.abs(np.fft.rfft(frames[i : i + 2000] * window)) ** 2).astype(np.float32) @ mel_filters()
            for i in range(0, len(frames), 2000)  # in pieces: an hour of sound never lies in memory as a spectrum
        ]
    )
    if not np.isfinite(total).all() or total.max() < 1e-7:
        return None
    return 10 * np.log10(total + 1e-10 * total.max() + 1e-12)


def describe(bands: np.ndarray) -> np.ndarray:
    """Mean, spread, and spread of the change between frames, of each coefficient over what is audible; (3, CEPSTRA)."""
    loudness = 10 * np.log10((10 ** (bands / 10)).sum(1))
    audible = loudness > loudness.max() - QUIET_DB
    spectrum = bands @ cosines()
    change = np.diff(spectrum, axis=0)[audible[1:]]
    if not len(change):
        change = np.zeros((1, CEPSTRA), np.float32)
    heard = spectrum[audible]
    return np.stack([heard.mean(0), heard.std(0), change.std(0)])


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
