"""Audio features from the statistics of a log-mel spectrum, and the audio classes that a query can name."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from mmsearch.models.media.picture_classifier import plain_words

RATE = 16_000  # Hz
WINDOW, HOP = 512, 160  # samples: 32 ms, every 10 ms
BANDS = 40  # mel bands from 50 Hz to 8 kHz
CEPSTRA = 16  # coefficients of a frame's spectrum, its loudness left out
QUIET_DB = 40.0  # frames so far below the loudest count as silence and are left out

# Mean of the features (mean, deviation and change of every coefficient) and their usual distance from it, over 240
# synthetic sounds (seed 5; the training recipe computes them). Without centring all sounds would be similar:
# deviations are never negative, and every spectrum falls towards its high end.
MEAN = np.array(
    [
        [28.4, -2.3, 3.0, -3.3, -1.3, -1.0, -1.7, -0.8, 0.4, -0.1, -0.4, -0.4, -0.2, 0.0, 0.1, -0.1],
        [15.0, 10.9, 8.0, 7.5, 6.8, 6.3, 6.8, 6.6, 6.9, 7.0, 7.6, 7.4, 6.9, 6.6, 6.8, 6.7],
        [7.8, 6.1, 4.7, 4.5, 4.1, 3.8, 3.9, 3.8, 3.8, 3.9, 4.0, 3.8, 3.7, 3.8, 3.7, 3.7],
    ],
    np.float32,
)
SCALE = np.array([[86.0], [27.0], [9.4]], np.float32)


class AudioFeatures:
    """Features by which sounds are compared: near vectors sound alike (bark and bark, rain and rain). They do not
    depend on what is said or played."""

    size = CEPSTRA * 3

    def extract(self, wave: np.ndarray, rate: int = RATE) -> np.ndarray:
        """The float32 unit vector (size,) of float32 mono samples at 16 kHz; zeros for a silent or empty clip.

        Raises `ValueError` for another rate, because resampling belongs to the decoder.
        """
        if rate != RATE:
            raise ValueError(f"audio features need sound at {RATE} Hz, not {rate}")
        bands = log_mel(np.asarray(wave, np.float32))
        if bands is None:
            return np.zeros(self.size, np.float32)
        centred = ((describe(bands) - MEAN) / SCALE).ravel()
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
    result: np.ndarray = (np.cos(angles) * np.sqrt(2 / BANDS)).astype(np.float32)
    return result


def log_mel(wave: np.ndarray) -> np.ndarray | None:
    """Decibels, float32 (frames, BANDS); None for silence."""
    wave = np.pad(wave, (0, max(0, WINDOW - len(wave))))
    frames = np.lib.stride_tricks.sliding_window_view(wave, WINDOW)[::HOP]
    window = np.hanning(WINDOW).astype(np.float32)
    total = np.concatenate(
        [
            (np.abs(np.fft.rfft(frames[i : i + 2000] * window)) ** 2).astype(np.float32) @ mel_filters()
            for i in range(0, len(frames), 2000)  # in parts: the spectrum of an hour of sound is never in memory
        ]
    )
    if not np.isfinite(total).all() or total.max() < 1e-7:
        return None
    result: np.ndarray | None = 10 * np.log10(total + 1e-10 * total.max() + 1e-12)
    return result


def describe(bands: np.ndarray) -> np.ndarray:
    """Mean, deviation, and deviation of the change between frames, of each coefficient over the audible frames; float32
    (3, CEPSTRA)."""
    loudness = 10 * np.log10((10 ** (bands / 10)).sum(1))
    audible = loudness > loudness.max() - QUIET_DB
    spectrum = bands @ cosines()
    change = np.diff(spectrum, axis=0)[audible[1:]]
    if not len(change):
        change = np.zeros((1, CEPSTRA), np.float32)
    kept = spectrum[audible]
    return np.stack([kept.mean(0), kept.std(0), change.std(0)])


# Audio classes that a query can name: directions among the features, fitted on synthetic sounds, no recording among
# them. A query names a class if it consists of these words alone: "someone talking" does, "a speech on birds" does not,
# because the topic of a speech is for its words to match.
CLASS_WORDS = {
    "speech": {"speech", "talk", "talking", "speaking", "spoken", "voice", "narration", "narrator"},
    "noise": {"noise", "hiss", "hissing"},
    "silence": {"silence", "silent"},
}
FILLER_WORDS = set(
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
# Cosines with synthetic sounds: 95 of 100 false ones are below the first, half of the true ones above the second.
CLASS_COSINES = {"speech": (0.62, 0.82), "noise": (0.56, 0.69), "silence": (0.5, 0.75)}


class AudioClassQuery(NamedTuple):
    """An audio class as a query: a float32 unit vector (`AudioFeatures.size` + 1,) and the scale of its cosines, which
    is the cosine of no evidence and that of even odds."""

    vector: np.ndarray
    scale: tuple[float, float]


def named_sound(query: str) -> AudioClassQuery | None:
    """The audio class that a query names and nothing else; None where it names none."""
    words = set(plain_words(query)) - FILLER_WORDS
    name = next((name for name, of_class in CLASS_WORDS.items() if words and words <= of_class), None)
    if name is None:
        return None
    # The last number is 1 for silence alone, which has no other feature (see `BuiltinMediaEmbedder`).
    vector = np.array([*DIRECTIONS.get(name, (0.0,) * AudioFeatures.size), float(name == "silence")], np.float32)
    return AudioClassQuery(vector / np.linalg.norm(vector), CLASS_COSINES[name])
