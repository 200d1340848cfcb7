"""Made-up sounds, whose average fixes the middle and the scale of the ears' features (no recording is used)."""

from collections.abc import Sequence

import numpy as np

from mmsearch.models import ears


def sound(seed: int, number: int) -> np.ndarray:
    """float32 mono at `ears.RATE`, two to six seconds: noises and tones of every colour under every envelope."""
    rng = np.random.default_rng([seed, number])
    count = int(ears.RATE * rng.uniform(2, 6))
    total = np.zeros(count)
    for _ in range(int(rng.integers(1, 4))):
        source = noise(rng, count) if rng.random() < 0.55 else voice(rng, count)
        total += source / (np.abs(source).max() + 1e-9) * envelope(rng, count) * rng.uniform(0.2, 1)
    total += rng.normal(0, 10 ** rng.uniform(-5, -2), count)
    return (total / np.abs(total).max() * rng.uniform(0.05, 1)).astype(np.float32)


def noise(rng: np.random.Generator, count: int) -> np.ndarray:
    """Noise with a slope and a band."""
    spectrum = np.fft.rfft(rng.normal(0, 1, count))
    hertz = np.fft.rfftfreq(count, 1 / ears.RATE) + 20
    shape = hertz ** rng.uniform(-1.5, 0.5)
    if rng.random() < 0.5:
        middle = 2 ** rng.uniform(7, 12.5)
        shape *= np.exp(-(np.log2(hertz / middle) ** 2) / rng.uniform(0.2, 4))
    return np.fft.irfft(spectrum * shape, count)


def voice(rng: np.random.Generator, count: int) -> np.ndarray:
    """A harmonic tone that glides and wavers, as voices, engines and birds do."""
    seconds = np.arange(count) / ears.RATE
    wobble = 1 + rng.uniform(0, 0.2) * np.sin(2 * np.pi * rng.uniform(0.3, 8) * seconds + rng.uniform(0, 6))
    pitch = 2 ** rng.uniform(5.5, 11) * 2 ** (rng.uniform(-0.7, 0.7) * seconds / seconds[-1]) * wobble
    phase = 2 * np.pi * np.cumsum(pitch) / ears.RATE
    return sum(np.sin(phase * k) * k ** -rng.uniform(0.3, 2) for k in range(1, int(rng.integers(2, 16))))


def envelope(rng: np.random.Generator, count: int, kinds: Sequence[int] = (0, 1, 2, 3)) -> np.ndarray:
    """Steady (0), swelling (1), a few bursts (2), or many short ones, regular or not (3)."""
    seconds, kind = np.arange(count) / ears.RATE, kinds[int(rng.integers(len(kinds)))]
    if kind == 0:
        return np.ones(count)
    if kind == 1:
        return 1 + rng.uniform(0.2, 1) * np.sin(2 * np.pi * rng.uniform(0.1, 20) * seconds)
    starts = rng.uniform(0, seconds[-1], int(rng.integers(1, 5) if kind == 2 else rng.integers(5, 60)))
    if rng.random() < 0.3:
        starts = np.arange(0, seconds[-1], rng.uniform(0.1, 1))
    fall, total = rng.uniform(0.004, 0.5), np.zeros(count)
    for start in starts:
        since = seconds - start
        total += np.where(since >= 0, np.exp(-np.maximum(since, 0) / fall), 0) * rng.uniform(0.3, 1)
    return total


def middle(count: int = 240, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    """The constants of `ears`: float (3, CEPSTRA) middle, and (3,) usual distance from it."""
    found = [ears.log_mel(sound(seed, number)) for number in range(count)]
    rows = np.stack([ears.describe(bands) for bands in found if bands is not None])
    return rows.mean(0), np.sqrt(((rows - rows.mean(0)) ** 2).sum(2).mean(0))
