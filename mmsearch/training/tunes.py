"""Made-up music: melodies, chords and basses in a key and on a beat, with or without drums."""

import numpy as np

from mmsearch.models.ears import RATE
from mmsearch.training.utterances import loudest, resonating

SCALES = ((0, 2, 4, 5, 7, 9, 11), (0, 2, 3, 5, 7, 8, 10), (0, 3, 5, 7, 10, 12, 15))  # semitones
HIGHEST = 3500.0  # hertz of a note


def music(rng: np.random.Generator, seconds: float) -> np.ndarray:
    """Float (samples,) at `ears.RATE`: one to three instruments, each with its own step and register."""
    total = np.zeros(int(seconds * RATE))
    beat, root, scale = 60 / rng.uniform(60, 170), 55 * 2 ** rng.uniform(0, 1), SCALES[rng.integers(len(SCALES))]
    for _ in range(int(rng.integers(1, 4))):
        step, register = beat * float(rng.choice([0.25, 0.5, 0.5, 1, 2])), int(rng.integers(0, 5))
        total += part(rng, len(total), step, root * 2**register, scale) * rng.uniform(0.2, 1)
    if rng.random() < 0.4:
        total = loudest(total) + drums(rng, len(total), beat / 2) * rng.uniform(0.2, 1)
    return total


def part(rng: np.random.Generator, count: int, step: float, root: float, scale: tuple[int, ...]) -> np.ndarray:
    """One instrument: its notes wander over the scale, alone or as chords of two or three."""
    total, degree = np.zeros(count), int(rng.integers(len(scale)))
    make, chord = instrument(rng), int(rng.choice([1, 1, 2, 3]))
    for at in range(0, count - RATE // 10, int(RATE * step)):
        if rng.random() < 0.12:
            continue
        degree = int(np.clip(degree + rng.integers(-2, 3), 0, len(scale) - 1))
        length = min(int(RATE * step * rng.uniform(0.7, 2.5)), count - at)
        for place in range(degree, degree + 2 * chord, 2):
            hertz = root * 2 ** (scale[place % len(scale)] / 12 + place // len(scale))
            if hertz < HIGHEST:
                total[at : at + length] += make(hertz, length) / chord
    return total


def instrument(rng: np.random.Generator):  # type: ignore[no-untyped-def]
    """A function of hertz and samples: partials that fade at once (plucked) or are held with a vibrato."""
    bright, decay, held = rng.uniform(0.6, 2.2), rng.uniform(0.6, 5), rng.random() < 0.4
    even, stiff = rng.choice([1, 1, 0.2]), rng.choice([0, 0, 0.0004])

    def note(hertz: float, count: int) -> np.ndarray:
        seconds = np.arange(count) / RATE
        k = np.arange(1, max(2, min(20, int(7600 / hertz))))[:, None]
        strength = k**-bright * np.where(k % 2 == 0, even, 1.0)
        wobble = 1 + (0.004 * np.sin(2 * np.pi * 5.5 * seconds) if held else 0)
        phase = 2 * np.pi * hertz * np.cumsum(np.ones(count) * wobble) / RATE
        fade = 1.0 if held else np.exp(-seconds * decay * (1 + 0.3 * k))
        made = (strength * fade * np.sin(phase * k * (1 + stiff * k**2) + rng.uniform(0, 6, k.shape))).sum(0)
        rise = np.minimum(1, np.arange(count) / (RATE * (0.05 if held else 0.004)))
        return np.asarray(made * rise * np.minimum(1, np.arange(count)[::-1] / (RATE * 0.03)))

    return note


def drums(rng: np.random.Generator, count: int, step: float) -> np.ndarray:
    """A low drum, a snare and a cymbal in turns."""
    total = np.zeros(count)
    for number, at in enumerate(range(0, count - RATE // 50, int(RATE * step))):
        length = min(int(0.3 * RATE), count - at)
        seconds = np.arange(length) / RATE
        kind = (0, 2, 1, 2)[number % 4]
        if kind == 0:
            hit = np.sin(2 * np.pi * (50 * seconds + 30 * (1 - np.exp(-seconds * 30)))) * np.exp(-seconds * 9)
        else:
            peak = ((2500.0, 2500.0, 1.0), (7000.0, 1500.0, 1.0))[kind - 1]
            hit = resonating(rng.normal(0, 1, length), [peak]) * np.exp(-seconds * (0, 18, 50)[kind])
        if rng.random() < 0.85:
            total[at : at + length] += loudest(hit) * rng.uniform(0.4, 1)
    return total
