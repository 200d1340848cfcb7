"""Made-up sounds like speech: phrases of syllables, pulses of a voice through resonances, between consonants of noise.

After source and filter (Fant 1960), with random resonances: no language, no recording."""

import numpy as np

from mmsearch.models.ears import RATE

VOICES = (1, 1, 1, 1, 2, 4)  # so many talk at once
PHRASE = (3, 15)  # syllables between two pauses


def speech(rng: np.random.Generator, seconds: float) -> np.ndarray:
    """Float (samples,) at `ears.RATE`: one voice, or several over each other."""
    total = np.zeros(int(seconds * RATE))
    for _ in range(int(rng.choice(VOICES))):
        total += talk(rng, len(total)) * rng.uniform(0.3, 1)
    return total


def talk(rng: np.random.Generator, count: int) -> np.ndarray:
    """One voice: consonants and syllables, three to six a second, with pauses."""
    total = np.zeros(count)
    pitch, tract = float(np.exp(rng.uniform(np.log(80), np.log(280)))), rng.uniform(0.88, 1.2)
    breath, rate = rng.uniform(0.02, 0.12), rng.uniform(2.8, 6.5)
    at, left = int(rng.uniform(0, 0.4) * RATE), int(rng.integers(*PHRASE))
    while at < count - 2000:
        if rng.random() < 0.7:
            length = min(int(RATE * rng.uniform(0.02, 0.12)), count - at)
            total[at : at + length] += consonant(rng, length) * 10 ** rng.uniform(-1.5, 0)
            at += int(length * rng.uniform(0.5, 1.1)) + int(RATE * rng.uniform(0, 0.06))
        length = min(int(RATE / rate * rng.uniform(0.45, 1.2)), count - at)
        if length < 400:
            break
        spoken = syllable(rng, length, pitch * (1 + rng.normal(0, 0.08)), tract, breath)
        total[at : at + length] += spoken * rng.uniform(0.3, 1)
        at, left = at + length, left - 1
        if left <= 0:
            at, left = at + int(RATE * rng.uniform(0.1, 0.9)), int(rng.integers(*PHRASE))
    return total


def syllable(rng: np.random.Generator, count: int, pitch: float, tract: float, breath: float) -> np.ndarray:
    """Pulses with a gliding pitch through four resonances, fading in and out."""
    share = np.arange(count) / count
    glide = pitch * (1 + rng.normal(0, 0.1) + rng.normal(0, 0.04) * share)
    glide *= 1 + 0.01 * rng.normal(0, 1, count).cumsum() / np.sqrt(count)  # no voice is steady
    pulses = np.diff(np.floor(np.cumsum(glide) / RATE), prepend=0.0)
    pulses = np.convolve(pulses, np.exp(-np.arange(60) / rng.uniform(4, 20)))[:count]
    first = rng.uniform(260, 850)
    second = rng.uniform(max(first + 250, 700), 2400)
    heights = (first, second, rng.uniform(max(second + 300, 2200), 3300), rng.uniform(3300, 4200))
    fall = rng.uniform(0.3, 0.8)
    peaks = [(tract * hertz, rng.uniform(40, 120) + 0.06 * hertz, fall**k) for k, hertz in enumerate(heights)]
    ends = np.minimum(np.arange(count), np.arange(count)[::-1])
    return loudest(resonating(pulses + rng.normal(0, breath, count), peaks)) * np.minimum(
        1, ends / (RATE * rng.uniform(0.01, 0.04))
    )


def consonant(rng: np.random.Generator, count: int) -> np.ndarray:
    """Noise in a high band, held or falling off."""
    peak = (rng.uniform(1500, 6500), rng.uniform(300, 1800), 1.0)
    fall = np.exp(-np.arange(count) / max(count, 1) * rng.uniform(0, 5))
    return loudest(resonating(rng.normal(0, 1, count), [peak]) * fall)


def resonating(source: np.ndarray, peaks: list[tuple[float, float, float]]) -> np.ndarray:
    """A source through resonances: hertz, half width in hertz, strength."""
    hertz = np.fft.rfftfreq(len(source), 1 / RATE)
    gain = sum(strength / (1 + ((hertz - at) / width) ** 2) for at, width, strength in peaks)
    return np.fft.irfft(np.fft.rfft(source) * gain, len(source))


def loudest(wave: np.ndarray) -> np.ndarray:
    """At a peak of 1."""
    return wave / (np.abs(wave).max(initial=0) + 1e-9)
